//! What several test binaries need. Each includes it with `#[path = "../support/mod.rs"] mod support;`.
//!
//! No binary uses all of it. So that the compiler doesn't call the rest dead in each of them, every file ends with a `const _` that
//! names what it offers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

pub(crate) mod database;
pub(crate) mod files;
mod postgres;
#[cfg(unix)]
pub(crate) mod private_server;
pub(crate) mod relay;

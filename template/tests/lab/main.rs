//! The lab: each pattern takes from the pool what its page says.

#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

#[path = "../http/support/mod.rs"]
#[expect(dead_code, reason = "the tests of HTTP use the rest")]
mod support;

#[path = "../process/program.rs"]
#[expect(dead_code, reason = "the tests of the running process use the rest")]
mod program;

mod patterns;
mod safety;
mod served;
mod slow;

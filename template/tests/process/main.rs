//! What only shows in a running process: the commands, their output and exit codes, signals, and what happens at start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

mod commands;
#[cfg(feature = "sqlite")]
mod healthcheck;
mod libpq;
mod limits;
#[cfg(feature = "sqlite")]
mod log;
mod migrate;
#[cfg(all(feature = "http-client", feature = "sqlite"))]
mod outbound;
mod program;
mod serve;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

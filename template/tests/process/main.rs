//! What only shows in a running process: the commands, their output and exit codes, signals, and what happens at start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

mod commands;
#[cfg(all(unix, feature = "sqlite"))]
mod environments;
#[cfg(unix)]
mod faults;
#[cfg(feature = "sqlite")]
mod healthcheck;
mod libpq;
#[cfg(feature = "sqlite")]
mod log;
mod migrate;
mod program;
mod serve;
#[cfg(all(unix, feature = "sqlite"))]
mod serving;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

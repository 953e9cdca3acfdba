//! What only shows in a running process: the commands, their output and exit codes, signals, and what happens at start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

#[cfg(all(unix, feature = "otlp", feature = "sqlite"))]
mod collector;
mod commands;
#[cfg(all(unix, feature = "sqlite"))]
mod environments;
#[cfg(unix)]
mod faults;
#[cfg(feature = "sqlite")]
mod healthcheck;
mod libpq;
mod limits;
#[cfg(feature = "sqlite")]
mod log;
#[cfg(feature = "sqlite")]
mod metrics;
mod migrate;
#[cfg(all(unix, feature = "otlp", feature = "sqlite"))]
mod otlp;
#[cfg(all(feature = "http-client", feature = "sqlite"))]
mod outbound;
mod program;
#[cfg(unix)]
mod rotation;
mod serve;
#[cfg(all(unix, feature = "sqlite"))]
mod serving;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

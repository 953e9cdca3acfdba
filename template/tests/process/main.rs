//! What only shows in a running process: the commands, their output and exit codes, signals, and what happens at start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

#[cfg(all(unix, feature = "otlp", feature = "sqlite"))]
mod collector;
mod commands;
#[cfg(feature = "sqlite")]
mod healthcheck;
mod libpq;
#[cfg(feature = "sqlite")]
mod log;
#[cfg(feature = "sqlite")]
mod metrics;
mod migrate;
#[cfg(all(unix, feature = "otlp", feature = "sqlite"))]
mod otlp;
mod program;
mod serve;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

//! The configuration: what is read from where, what is refused, and in which words.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod cors;
mod database_url;
mod env_files;
mod explain;
mod files;
mod log;
mod mistakes;
#[cfg(feature = "otlp")]
mod otel;
mod precedence;
mod rate_limit;
mod secrets;
mod sections;
mod shipped;
mod timeouts;

#[path = "../support/files.rs"]
mod project;

//! The commands of the binary, one file each.
//!
//! A command that needs the database or serves starts in two phases: first the configuration is read, and all that is wrong with
//! it is reported before anything runs; then the log, the runtime and the command's own work start.

mod bootstrap;
mod cli;
mod config;
mod database;
mod healthcheck;
#[cfg(feature = "lab")]
mod lab;
mod metrics;
mod migrate;
mod openapi;
mod output;
mod plugged_in;
mod reference;
mod routes;
mod seed;
mod serve;

pub use self::bootstrap::AFTERWARDS;
use self::bootstrap::Bootstrap;
pub use self::cli::Cli;
pub use self::plugged_in::{CommandEntry, PlugIn};
pub use crate::register_command;

/// The service's name, also towards the database and other services.
const SERVICE: &str = env!("CARGO_PKG_NAME");

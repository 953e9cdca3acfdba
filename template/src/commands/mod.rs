//! The commands of the binary, one file each.
//!
//! A command that needs the database or serves starts in two phases: first the configuration is read, and all that is wrong with
//! it is reported before anything runs; then the log, the runtime and the command's own work start.

mod bootstrap;
mod config;
mod database;
mod healthcheck;
mod metrics;
mod migrate;
mod openapi;
mod output;
mod reference;
mod routes;
mod seed;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    bootstrap::Bootstrap, config::ConfigCommand, healthcheck::HealthcheckArgs,
    migrate::MigrateCommand, reference::CopiesArgs, seed::SeedArgs,
};
use crate::core::telemetry::Output;

/// The service's name, also towards the database and other services.
const SERVICE: &str = env!("CARGO_PKG_NAME");

/// Settings come from env files, the secrets directory and the environment; `config explain` shows them.
#[derive(Debug, Parser)]
#[command(name = SERVICE, version, about = env!("CARGO_PKG_DESCRIPTION"), after_help = "Without a command it serves. \
    Settings are no options: they come from env files, secret files and the environment, and `config explain` shows them.")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Default, Subcommand)]
enum Command {
    /// Serve requests until SIGTERM or Ctrl-C (the default)
    #[default]
    Serve,
    /// Bring the database's schema up to date, or take it back
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Fill empty tables with example data
    Seed(SeedArgs),
    /// Show every route, who may call it, and the file it comes from
    Routes(CopiesArgs),
    /// Print the document that describes the API
    Openapi(CopiesArgs),
    /// Show every metric, its kind and its labels
    Metrics(CopiesArgs),
    /// Show, check and document the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running service whether it is ready; for images without a shell
    Healthcheck(HealthcheckArgs),
}

impl Cli {
    /// Runs the command. What goes wrong is told on standard error, and ends in exit code 1.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command.unwrap_or_default().run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::error(&error);
                ExitCode::FAILURE
            }
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve => Bootstrap::new(Output::Stdout)?.run(serve::serve),
            Self::Migrate(command) => command.run(),
            Self::Seed(arguments) => arguments.run(),
            Self::Routes(arguments) => routes::run(&arguments),
            Self::Openapi(arguments) => openapi::run(&arguments),
            Self::Metrics(arguments) => metrics::run(&arguments),
            Self::Config(command) => command.run(),
            Self::Healthcheck(arguments) => arguments.run(),
        }
    }
}

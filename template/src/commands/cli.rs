use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{
    Bootstrap, SERVICE, config::ConfigCommand, healthcheck::HealthcheckArgs, metrics,
    migrate::MigrateCommand, openapi, output, plugged_in::PluggedIn, reference::CopiesArgs, routes,
    seed::SeedArgs, serve,
};
use crate::core::telemetry::Output;

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
    /// What files bring along
    #[command(flatten)]
    PluggedIn(PluggedIn),
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
            Self::PluggedIn(command) => command.run(),
        }
    }
}

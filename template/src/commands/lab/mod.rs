//! The lab's commands: they load a service that serves the lab, and show what came of it.

use clap::{Args, Subcommand};

use super::{PlugIn, register_command};

/// Measure what handlers do to the connection pool
#[derive(Debug, Args)]
struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {}

impl PlugIn for LabArgs {
    fn run(self) -> anyhow::Result<()> {
        match self.command {}
    }
}

register_command! { "lab": LabArgs }

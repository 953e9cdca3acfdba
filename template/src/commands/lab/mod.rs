//! The lab's commands: they load a service that serves the lab, and show what came of it.

mod connection;
mod import;
mod load;
mod number;
mod page;
mod patterns;
mod plot;
mod progress;
mod report;
mod run;
mod stop;
mod sweep;
mod target;
mod warmup;
mod watch;
mod words;

use anyhow::Context;
use clap::{Args, Subcommand};
use tokio::runtime::Builder;

use self::{import::ImportArgs, report::ReportArgs, sweep::SweepArgs, warmup::WarmupArgs};
use super::{PlugIn, register_command};

/// Measure what handlers do to the connection pool
#[derive(Debug, Args)]
struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Load each pattern with more and more connections, and write a report
    Sweep(SweepArgs),
    /// Load each pattern for a moment, so that what is measured next is warm
    Warmup(WarmupArgs),
    /// Write the report of a run anew
    Report(ReportArgs),
    /// Show what `hey` or `oha` measured in the same way
    Import(ImportArgs),
}

impl PlugIn for LabArgs {
    fn run(self) -> anyhow::Result<()> {
        match self.command {
            LabCommand::Sweep(arguments) => block_on(arguments.run()),
            LabCommand::Warmup(arguments) => block_on(arguments.run()),
            LabCommand::Report(arguments) => arguments.run(),
            LabCommand::Import(arguments) => arguments.run(),
        }
    }
}

/// Runs it without what a service has around it: the load neither logs nor opens a pool.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.context("can't start the runtime")?.block_on(work)
}

register_command! { "lab": LabArgs }

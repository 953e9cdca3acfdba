//! The repository's own tool: it generates, tries and checks the template.
//!
//! - [`commands`]: one file per command; [`cli`] says how they are spelled
//! - [`bench`]: what `bench` measures
//! - [`checks`]: what `test` runs, one file per group
//! - the rest: what both use, from generating a project to starting a PostgreSQL server

mod bench;
mod cache;
mod cargo;
mod certificates;
mod check;
mod checks;
mod cli;
mod commands;
mod context;
mod disk;
mod document;
mod generate;
mod http;
mod image;
mod kubernetes;
mod load;
mod modules;
mod names;
mod packages;
mod postgres;
mod process;
mod progress;
mod proxy;
mod repo;
mod runner;
mod service;
mod tools;
mod tree;
mod twins;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) if error.is::<process::Interrupted>() => {
            eprintln!("stopped; what was started has ended");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    process::watch_for_signals()?;
    match cli.command {
        Command::Try(options) => commands::try_it::run(&options),
        Command::Generate(options) => commands::generate::run(&options),
        Command::Test(options) => commands::test::run(&options),
        Command::Image(options) => commands::image::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Fmt => commands::fmt::run(),
        Command::Lint => commands::lint::run(),
        Command::CargoGenerate(request) => generate::in_this_process(request),
    }
}

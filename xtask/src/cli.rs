//! How the commands are spelled.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::Section;
use crate::generate::ChildRequest;

/// The repository's own tool: it generates, tries and checks the template.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", disable_version_flag = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate a service, build it and start it on SQLite; the last line is where to look at it
    Try(TryOptions),
    /// Run the checks: everything the template promises
    Test(TestOptions),
    /// Generate a project from this checkout, without installing cargo-generate
    Generate(GenerateOptions),
    /// Build a service's image where there is neither Docker nor a registry: with buildah, on images made by debootstrap
    Image(ImageOptions),
    /// Measure what a request to the generated service costs, beside hand-written servers and FastAPI, and hold it against the goals
    Bench(BenchOptions),
    /// Format the template, this tool and the benchmark's server, and write the twins that follow from other files
    Fmt,
    /// Check formatting, lints and documentation of the template in place
    Lint,
    /// Run the library of cargo-generate in a process of its own (used by this tool on itself)
    #[command(hide = true)]
    CargoGenerate(ChildRequest),
}

#[derive(Debug, Args)]
pub(crate) struct TryOptions {
    /// The service's name
    #[arg(long, default_value = "my-service")]
    pub(crate) name: String,
    /// Keep the project in this folder, which must not exist yet; otherwise it is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// The parts it has, a comma list; `--parts=` is none [default: those cargo-generate.toml names]
    #[arg(long, value_name = "LIST")]
    pub(crate) parts: Option<String>,
    /// The pipeline that checks it: github, gitlab or none [default: the one cargo-generate.toml names]
    #[arg(long, value_name = "PIPELINE")]
    pub(crate) ci: Option<String>,
    /// The port it listens on [default: 8080, or the next free one]
    #[arg(long)]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateOptions {
    /// The project's name
    #[arg(long)]
    pub(crate) name: String,
    /// The project's folder, which must not exist yet [default: the name, in the current folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// The parts it has, a comma list; `--parts=` is none [default: those cargo-generate.toml names]
    #[arg(long, value_name = "LIST")]
    pub(crate) parts: Option<String>,
    /// The pipeline that checks it: github, gitlab or none [default: the one cargo-generate.toml names]
    #[arg(long, value_name = "PIPELINE")]
    pub(crate) ci: Option<String>,
    /// What the service does, in one line [default: the one cargo-generate.toml names]
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImageOptions {
    /// The service's name
    #[arg(long, default_value = "my-service")]
    pub(crate) name: String,
    /// The parts it has, a comma list; `--parts=` is none [default: those cargo-generate.toml names]
    #[arg(long, value_name = "LIST")]
    pub(crate) parts: Option<String>,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub(crate) struct BenchOptions {
    /// Measure these only, a comma list [default: all but builds]
    #[arg(long, value_name = "SECTIONS", value_delimiter = ',')]
    pub(crate) only: Vec<Section>,
    /// Measure builds, too: everything is compiled once more, in a folder of its own
    #[arg(long)]
    pub(crate) builds: bool,
    /// Compile without optimisation at link time: quicker, but not as the service is shipped
    #[arg(long)]
    pub(crate) quick: bool,
    /// Count instructions instead, which any machine can, and fail if a request takes more than bench/instructions.json says
    #[arg(long, conflicts_with_all = ["only", "builds", "compare"])]
    pub(crate) instructions: bool,
    /// How often each figure is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// How long each measurement under load takes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
    /// Rows that are streamed
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) rows: u64,
    /// Connections that are kept idle
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Where JSON, Markdown and plot go
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Say how the figures are to those in bench/baseline.json, and fail if one is worse by more than a fifth
    #[arg(long)]
    pub(crate) compare: bool,
    /// Put the figures into bench/baseline.json, or into bench/instructions.json
    #[arg(long, conflicts_with = "quick")]
    pub(crate) write_baseline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Run the checks that take long, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Name the checks instead of running them
    #[arg(long)]
    pub(crate) list: bool,
    /// Run these only: a check's name, a group (`generate`), or any text that occurs in a name
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
}

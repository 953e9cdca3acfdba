//! `cargo xtask bench`: what a request to the generated service costs, beside hand-written servers and FastAPI.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bench::{self, Pace, Plan, Profile, Section};
use crate::cache::Cache;
use crate::cli::BenchOptions;
use crate::context::{Context, Shared};
use crate::repo::Repo;

/// Everything compiled as it is shipped, and measured thoroughly, on a slow machine.
const LIMIT: Duration = Duration::from_hours(6);

pub(crate) fn run(options: &BenchOptions) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let cache = Cache::of(&repo)?;
    let logs = cache.checks("logs");
    std::fs::create_dir_all(&logs)?;
    let log = logs.join("bench.log");
    std::fs::write(&log, "")?;
    let folder = repo.root().join(&options.out);
    let plan = Plan {
        sections: sections(options),
        pace: Pace {
            rounds: options.rounds,
            time: Duration::from_secs(options.seconds),
            rows: options.rows,
            connections: options.connections,
        },
        profile: if options.quick {
            Profile::Quick
        } else {
            Profile::Release
        },
        command: typed(),
        folder: &folder,
        compare: options.compare,
        write_baseline: options.write_baseline,
    };
    ensure!(
        !options.write_baseline || options.instructions || plan.measures_everything(),
        "a baseline is of one run: measure everything for it, with --builds and without --only"
    );
    let shared = Shared::new(repo, cache);
    let cx = Context::new(&shared, log, Instant::now() + LIMIT);
    let is_well = if options.instructions {
        bench::count_instructions(&cx, options.write_baseline)?
    } else {
        let worse = bench::run(&cx, &plan)?;
        for name in &worse {
            println!("  worse than the baseline: {name}");
        }
        worse.is_empty()
    };
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn sections(options: &BenchOptions) -> Vec<Section> {
    let mut sections = options.only.clone();
    if sections.is_empty() {
        sections.extend(Section::DEFAULT);
    }
    if options.builds {
        sections.push(Section::Builds);
    }
    sections.sort();
    sections.dedup();
    sections
}

/// The command line as somebody else can type it.
fn typed() -> String {
    let arguments = std::env::args().skip(1);
    let words = ["cargo".to_owned(), "xtask".to_owned()];
    words
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

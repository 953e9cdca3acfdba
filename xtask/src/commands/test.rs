//! `cargo xtask test`: the checks.

use std::fs::File;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::check::{Check, Tier};
use crate::checks;
use crate::cli::TestOptions;
use crate::context::Shared;
use crate::disk;
use crate::process;
use crate::repo::Repo;
use crate::runner;

pub(crate) fn run(options: &TestOptions) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let checks = checks::all(&repo);
    let chosen = choose(&checks, options)?;
    if options.list {
        for check in chosen {
            let long = if check.tier == Tier::Long {
                "  (with --all)"
            } else {
                ""
            };
            println!("{:34}{}{long}", check.name, check.proves);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let cache = Cache::of(&repo)?;
    let _alone = one_run_at_a_time(&cache)?;
    if let Some(warning) = disk::warning(cache.build())? {
        runner::say(&warning);
    }
    let skipped = if options.filters.is_empty() {
        0
    } else {
        checks.len() - chosen.len()
    };
    let summary = runner::run(&Shared::new(repo, cache), &chosen, skipped)?;
    Ok(if summary.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The checks that the options name, in the order in which they run.
fn choose<'c>(checks: &'c [Check], options: &TestOptions) -> Result<Vec<&'c Check>> {
    if options.filters.is_empty() {
        return Ok(checks
            .iter()
            .filter(|check| options.all || options.list || check.tier == Tier::Default)
            .collect());
    }
    if let Some(unknown) = options
        .filters
        .iter()
        .find(|filter| !checks.iter().any(|check| check.name.contains(*filter)))
    {
        bail!(
            "no check has \"{unknown}\" in its name. Accepted: names, or parts of them, that `cargo xtask test --list` prints."
        );
    }
    Ok(checks
        .iter()
        .filter(|check| {
            options
                .filters
                .iter()
                .any(|filter| is_meant(check, filter, checks))
        })
        .collect())
}

/// A name means that check, a group all of its checks, and anything else each name that contains it.
fn is_meant(check: &Check, filter: &str, checks: &[Check]) -> bool {
    let group = format!("{}/", filter.trim_end_matches('/'));
    if checks.iter().any(|other| other.name == filter) {
        check.name == filter
    } else if checks.iter().any(|other| other.name.starts_with(&group)) {
        check.name.starts_with(&group)
    } else {
        check.name.contains(filter)
    }
}

/// Set by a check that runs this command itself: the lock is its own run's.
pub(crate) const WITHIN_A_RUN: &str = "STRATA_WITHIN_A_RUN";

/// Two runs would write the same generated projects.
fn one_run_at_a_time(cache: &Cache) -> Result<Option<File>> {
    if std::env::var_os(WITHIN_A_RUN).is_some() {
        return Ok(None);
    }
    let folder = cache.checks("");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    if lock.try_lock().is_err() {
        println!("another run of the checks is under way; waiting for its end");
        while lock.try_lock().is_err() {
            process::pause(std::time::Duration::from_secs(1))?;
        }
    }
    Ok(Some(lock))
}

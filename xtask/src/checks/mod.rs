//! What `cargo xtask test` runs: one file per group, quick checks first.

mod backup;
mod bench;
mod command;
mod compose;
mod delivered;
mod documents;
mod generated;
mod generating;
mod image;
mod lab;
mod live;
mod manifests;
mod metrics;
mod openapi;
mod options;
mod own;
mod pipelines;
mod place;
mod policy;
mod readme;
mod recipe;
mod recipes;
mod rendering;
mod rolling;
mod scale;
mod slo;
mod sweeps;
mod template;
mod trial;
mod upgrading;

use std::time::Duration;

use crate::check::{Check, Outcome, Tier};
use crate::context::Context;
use crate::repo::Repo;

/// Every check, in the order in which they run.
pub(crate) fn all(repo: &Repo) -> Vec<Check> {
    let mut checks = generated::checks();
    checks.extend(generating::checks());
    checks.extend(rendering::checks());
    checks.extend(own::checks());
    checks.extend(bench::checks());
    checks.extend(template::checks());
    checks.extend(options::checks(repo));
    checks.extend(lab::checks());
    checks.extend(documents::checks());
    checks.extend(live::checks());
    checks.extend(readme::checks());
    checks.extend(recipe::checks());
    checks.extend(delivered::checks());
    checks.extend(policy::checks());
    checks.extend(pipelines::checks());
    checks.extend(recipes::checks());
    checks.extend(openapi::checks());
    checks.extend(manifests::checks());
    checks.extend(metrics::checks());
    checks.extend(scale::checks());
    checks.extend(sweeps::checks());
    checks.extend(backup::checks());
    checks.extend(rolling::checks());
    checks.extend(slo::checks());
    checks.extend(compose::checks());
    checks.extend(image::checks());
    checks.extend(trial::checks());
    checks.extend(command::checks());
    checks.extend(upgrading::checks());
    checks
}

/// A check of the default tier.
fn check(
    name: &str,
    minutes: u64,
    proves: &'static str,
    run: impl Fn(&Context<'_>) -> Outcome + 'static,
) -> Check {
    Check {
        name: name.to_owned(),
        tier: Tier::Default,
        proves,
        limit: Duration::from_mins(minutes),
        types: &[],
        run: Box::new(run),
    }
}

/// A check that runs with `--all`, or when it is named.
fn long_check(
    name: &str,
    minutes: u64,
    proves: &'static str,
    run: impl Fn(&Context<'_>) -> Outcome + 'static,
) -> Check {
    Check {
        tier: Tier::Long,
        ..check(name, minutes, proves, run)
    }
}

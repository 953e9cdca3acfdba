//! The figures of the last run that somebody checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::goals::{GOALS, Goal};
use super::machine::{Machine, changes};
use super::report::{ASKS, Run, pages};
use super::samples::Spread;
use super::stage::Profile;
use crate::repo::Repo;

/// How much worse a figure may be than the baseline. The same binary differs so much between two runs on a machine with other work.
pub(super) const TOLERANCE: f64 = 0.2;

/// A run that others are compared with, and that the documents tell of.
#[derive(Debug, Default)]
pub(super) struct Baseline(Value);

impl Baseline {
    /// Reads it; empty if there is none.
    pub(super) fn read(repo: &Repo) -> Result<Self> {
        let file = file(repo);
        if !file.is_file() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&file)?;
        let json = serde_json::from_str(&text)
            .with_context(|| format!("{} is no JSON", file.display()))?;
        Ok(Self(json))
    }

    /// Reads it; there has to be one, of what is compiled in this way.
    pub(super) fn to_compare_with(repo: &Repo, profile: Profile) -> Result<Self> {
        ensure!(
            file(repo).is_file(),
            "there is no bench/baseline.json to compare with; a run with --write-baseline writes it"
        );
        let baseline = Self::read(repo)?;
        let (theirs, ours) = (&baseline.0["machine"]["profile"], json!(changes(profile)));
        ensure!(
            *theirs == ours,
            "what is compiled in another way can't be compared: bench/baseline.json is of {theirs}, this would be of {ours} \
             (options, RUSTFLAGS and CARGO_PROFILE_… that change how servers are compiled)"
        );
        Ok(baseline)
    }

    /// The figure to compare with on this machine. Ratios are good for any; milliseconds of another machine say nothing.
    pub(super) fn figure(&self, goal: &Goal, machine: &Machine) -> Option<f64> {
        let figure = self.spread(goal)?;
        (goal.is_ratio() || machine.is_like(&self.0["machine"])).then_some(figure.median)
    }

    /// The figure of a goal.
    pub(super) fn spread(&self, goal: &Goal) -> Option<Spread> {
        let figure = &self.0["figures"][goal.id];
        let part = |name: &str| figure[name].as_f64();
        Some(Spread {
            median: part("median")?,
            min: part("min")?,
            max: part("max")?,
        })
    }

    /// What a server's requests came to, such as `get/service/cpu`.
    pub(super) fn of_requests(&self, key: &str) -> Option<f64> {
        self.0["requests"][key].as_f64()
    }

    /// What is known of the machine, such as its `processor`.
    #[cfg(test)]
    pub(super) fn machine(&self, key: &str) -> Option<&str> {
        self.0["machine"][key].as_str()
    }

    /// The day it was measured, such as `2026-11-29`.
    pub(super) fn day(&self) -> Option<&str> {
        self.0["machine"]["date"].as_str()?.split(' ').next()
    }

    /// Makes a run the baseline, and writes it into the file and the documents; returns what was written.
    pub(super) fn write(repo: &Repo, run: &Run) -> Result<Vec<PathBuf>> {
        let baseline = Self::of(run);
        let file = file(repo);
        fs::write(&file, format!("{:#}\n", baseline.0))?;
        let mut written = vec![file];
        written.extend(pages::write(repo, &baseline)?);
        Ok(written)
    }

    /// What a run measured.
    pub(super) fn of(run: &Run) -> Self {
        let rounded = |value: f64| (value * 1e3).round() / 1e3;
        let figures = GOALS.iter().filter_map(|goal| {
            let Spread { median, min, max } = goal.figure(&run.samples)?;
            let [median, min, max] = [median, min, max].map(rounded);
            Some((goal.id, json!({ "median": median, "min": min, "max": max })))
        });
        let requests = run.samples.iter().filter_map(|(key, values)| {
            let is_of_requests = ASKS
                .iter()
                .any(|(ask, _)| key.starts_with(&format!("{ask}/")));
            let spread = Spread::of(values).filter(|_| is_of_requests)?;
            Some((key, rounded(spread.median)))
        });
        Self(json!({
            "machine": run.machine.json(),
            "command": run.command,
            "figures": figures.collect::<BTreeMap<_, _>>(),
            "requests": requests.collect::<BTreeMap<_, _>>(),
        }))
    }
}

fn file(repo: &Repo) -> PathBuf {
    repo.root().join("bench/baseline.json")
}

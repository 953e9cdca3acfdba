//! The figures of the last run that somebody checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::goals::{GOALS, Goal};
use super::machine::Machine;
use super::report::Run;
use crate::repo::Repo;

/// How much worse a figure may be than the baseline. The same binary differs so much between two runs on a machine with other work.
pub(super) const TOLERANCE: f64 = 0.2;

/// The medians of the goals' figures.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    figures: BTreeMap<String, f64>,
    machine: Value,
}

impl Baseline {
    /// Reads it; empty if there is none.
    pub(super) fn read(repo: &Repo) -> Result<Self> {
        let file = file(repo);
        if !file.is_file() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&file)?;
        let json: Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is no JSON", file.display()))?;
        let figures = json["figures"].as_object().into_iter().flatten();
        Ok(Self {
            figures: figures
                .filter_map(|(id, figure)| Some((id.clone(), figure.as_f64()?)))
                .collect(),
            machine: json["machine"].clone(),
        })
    }

    /// Reads it; there has to be one.
    pub(super) fn to_compare_with(repo: &Repo) -> Result<Self> {
        ensure!(
            file(repo).is_file(),
            "there is no bench/baseline.json to compare with; a run with --write-baseline writes it"
        );
        Self::read(repo)
    }

    /// The figure to compare with on this machine. Ratios are good for any; milliseconds of another machine say nothing.
    pub(super) fn figure(&self, goal: &Goal, machine: &Machine) -> Option<f64> {
        let figure = self.figures.get(goal.id).copied();
        figure.filter(|_| goal.is_ratio() || machine.is_like(&self.machine))
    }

    /// Writes what a run measured.
    pub(super) fn write(repo: &Repo, run: &Run) -> Result<PathBuf> {
        let figures = GOALS.iter().filter_map(|goal| {
            let figure = goal.figure(&run.samples)?;
            Some((goal.id, (figure.median * 1e3).round() / 1e3))
        });
        let figures: BTreeMap<_, _> = figures.collect();
        let json =
            json!({ "machine": run.machine.json(), "command": run.command, "figures": figures });
        let file = file(repo);
        fs::write(&file, format!("{json:#}\n"))?;
        Ok(file)
    }
}

fn file(repo: &Repo) -> PathBuf {
    repo.root().join("bench/baseline.json")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::samples::number;
    use super::*;

    /// The page is written by hand: a new baseline without a new page would leave figures that nobody measured.
    #[test]
    fn the_page_about_performance_has_these_figures() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let page = read("docs/performance.md");
        let json: Value = serde_json::from_str(&read("bench/baseline.json")).unwrap();
        for goal in GOALS {
            let figure = json["figures"][goal.id].as_f64().unwrap();
            let row = format!("| {} | {} {}", goal.bound, number(figure), goal.unit);
            let verdict = match goal.bound.is_met(figure) {
                Some(true) => "| met |",
                Some(false) => "| **missed** |",
                None => "| only reported |",
            };
            let mut lines = page.lines();
            assert!(
                lines.any(|line| line.contains(&row) && line.ends_with(verdict)),
                "docs/performance.md has no row with `{row}` and `{verdict}`"
            );
        }
        let date = json["machine"]["date"].as_str().unwrap();
        let day = date.split(' ').next().unwrap();
        for (path, text) in [
            ("docs/performance.md", &page),
            ("README.md", &read("README.md")),
        ] {
            assert!(text.contains(day), "{path} is not of {day}");
        }
        let counted: BTreeMap<String, f64> =
            serde_json::from_str(&read("bench/instructions.json")).unwrap();
        for (ask, instructions) in counted {
            let told = format!("{:.0} k", instructions / 1e3);
            assert!(
                page.contains(&told),
                "docs/performance.md says nothing of {told} ({ask})"
            );
        }
    }
}

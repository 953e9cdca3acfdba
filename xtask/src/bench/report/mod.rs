//! What came of a run, for people and programs.

pub(super) mod pages;
mod plot;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

pub(super) use self::table::Table;
use super::baseline::Baseline;
use super::goals::GOALS;
use super::machine::Machine;
use super::samples::Samples;

/// What was asked for in [`requests`](super::sections), in the order of the tables.
pub(super) const ASKS: [(&str, &str); 4] = [
    ("get", "GET by id"),
    ("list", "list of 20"),
    ("post", "POST"),
    ("static", "static route"),
];

/// A run: what was measured, where, and how.
pub(super) struct Run {
    pub(super) samples: Samples,
    pub(super) machine: Machine,
    /// As it can be typed again.
    pub(super) command: String,
}

impl Run {
    /// Writes JSON, Markdown and the plot into a folder.
    pub(super) fn write(&self, baseline: &Baseline, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(folder.join("bench.json"), format!("{:#}\n", self.json()))?;
        fs::write(
            folder.join("bench.md"),
            Table::of(self, baseline).markdown(),
        )?;
        fs::write(folder.join("bench.svg"), plot::svg(&self.samples))?;
        Ok(())
    }

    fn json(&self) -> Value {
        let goals = GOALS.iter().filter_map(|goal| {
            let figure = goal.figure(&self.samples)?;
            Some(json!({
                "id": goal.id,
                "name": goal.name,
                "unit": goal.unit,
                "wanted": goal.bound.to_string(),
                "median": figure.median,
                "min": figure.min,
                "max": figure.max,
                "met": goal.bound.is_met(figure.median),
            }))
        });
        json!({
            "command": self.command,
            "machine": self.machine.json(),
            "goals": goals.collect::<Vec<_>>(),
            "samples": self.samples.iter().collect::<std::collections::BTreeMap<_, _>>(),
        })
    }
}

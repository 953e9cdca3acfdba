//! What a request to the generated service costs, beside hand-written servers and FastAPI, from one run on one machine.
//!
//! - [`goals`]: what is measured and what it should be, in one table
//! - [`sections`]: how it is measured, one file per kind of figure
//! - [`servers`], [`stage`]: what is measured, and what it runs on; [`wrk`], [`usage`]: what it is measured with
//! - [`instructions`]: what can be counted on any machine
//! - [`report`]: the tables, JSON and the plot; [`baseline`]: the figures to compare with

mod baseline;
mod goals;
mod instructions;
mod machine;
mod report;
mod samples;
mod sections;
mod servers;
mod stage;
mod usage;
mod wrk;

use std::path::Path;

use anyhow::Result;

use self::baseline::Baseline;
pub(crate) use self::goals::goals;
use self::goals::{GOALS, Goal};
pub(crate) use self::instructions::count as count_instructions;

use self::machine::Machine;
use self::report::{Run, Table};
use self::samples::Samples;
pub(crate) use self::sections::{Pace, Section};
pub(crate) use self::stage::Profile;
use self::stage::Stage;
use crate::context::Context;
use crate::runner::say;

/// What to do.
pub(crate) struct Plan<'p> {
    pub(crate) sections: Vec<Section>,
    pub(crate) pace: Pace,
    pub(crate) profile: Profile,
    /// As it can be typed again.
    pub(crate) command: String,
    /// Where JSON, Markdown and plot go.
    pub(crate) folder: &'p Path,
    /// Look whether something is worse than in the baseline.
    pub(crate) compare: bool,
    /// Make the figures the baseline.
    pub(crate) write_baseline: bool,
}

impl Plan<'_> {
    /// Whether there will be a figure for every goal.
    pub(crate) fn measures_everything(&self) -> bool {
        let is_measured = |goal: &Goal| self.sections.contains(&goal.section);
        GOALS.iter().all(is_measured)
    }
}

/// Measures and says what came of it; returns what is worse than the baseline, if that was asked for.
pub(crate) fn run(cx: &Context<'_>, plan: &Plan<'_>) -> Result<Vec<&'static str>> {
    let baseline = if plan.compare {
        Baseline::to_compare_with(cx.repo(), plan.profile)?
    } else {
        Baseline::default()
    };
    let service = Stage::build(cx, plan.profile)?;
    let stage = Stage::set(cx, service, plan.profile)?;
    let mut samples = Samples::default();
    for section in &plan.sections {
        section.measure(&stage, plan.pace, &mut samples)?;
    }
    let run = Run {
        samples,
        machine: Machine::look(stage.postgres.client()?, plan.profile),
        command: plan.command.clone(),
    };
    let table = Table::of(&run, &baseline);
    say(&format!("\n{}", table.text()));
    run.write(&baseline, plan.folder)?;
    say(&format!(
        "  written     {0}/bench.json, {0}/bench.md, {0}/bench.svg",
        plan.folder.display()
    ));
    if plan.write_baseline {
        for file in Baseline::write(cx.repo(), &run)? {
            say(&format!("  written     {}", file.display()));
        }
    }
    Ok(table.worse())
}

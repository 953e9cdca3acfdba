//! The tables of the documents: written with the baseline, and held to it by a test.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::ASKS;
use crate::bench::baseline::Baseline;
use crate::bench::goals::{GOALS, Goal};
use crate::bench::samples::number;
use crate::bench::sections::Section;
use crate::bench::servers::Who;
use crate::repo::Repo;

/// A document, and the tables it shows.
struct Page {
    file: &'static str,
    tables: &'static [fn(&Baseline) -> Option<String>],
}

const PAGES: [Page; 2] = [
    Page {
        file: "docs/performance.md",
        tables: &[
            |baseline| requests(baseline, &Who::ALL),
            |baseline| goals(baseline, |goal| goal.section != Section::Settings),
            settings,
        ],
    },
    Page {
        file: "README.md",
        tables: &[|baseline| requests(baseline, &IN_SHORT)],
    },
];

/// Whom the README has.
const IN_SHORT: [Who; 4] = [
    Who::Service,
    Who::Bare,
    Who::FastApiProduction,
    Who::FastApiSqlalchemy,
];

/// What stands before the day.
const MEASURED: &str = "Measured ";

/// Puts the baseline's tables and its day into the documents; returns which were written.
pub(in crate::bench) fn write(repo: &Repo, baseline: &Baseline) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for page in &PAGES {
        let file = repo.root().join(page.file);
        let text = fs::read_to_string(&file)?;
        let text = page
            .with(&text, baseline)
            .with_context(|| format!("{} has no place for what was measured", page.file))?;
        fs::write(&file, text)?;
        written.push(file);
    }
    Ok(written)
}

impl Page {
    /// Its text with the baseline's tables instead of those that have the same heads, and the baseline's day.
    fn with(&self, text: &str, baseline: &Baseline) -> Option<String> {
        let mut text = text.to_owned();
        for table in self.tables {
            let table = table(baseline)?;
            let begin = text.find(table.lines().next()?)?;
            let end = begin + text[begin..].find("\n\n")?;
            text.replace_range(begin..end, table.trim_end());
        }
        let day = baseline.day()?;
        let begin = text.find(MEASURED)? + MEASURED.len();
        text.replace_range(begin..begin + day.len(), day);
        Some(text)
    }
}

/// What requests cost: a row for each server.
fn requests(baseline: &Baseline, servers: &[Who]) -> Option<String> {
    let mut text = String::from("| | GET by id: CPU, µs | requests a second | p99, ms |");
    for (_, title) in &ASKS[1..] {
        let _ = write!(text, " {title}: CPU, µs |");
    }
    text.push_str("\n|---|---|---|---|---|---|---|\n");
    for who in servers {
        let figure =
            |ask: &str, kind: &str| baseline.of_requests(&format!("{ask}/{}/{kind}", who.name()));
        let _ = write!(
            text,
            "| {} | {} | {} | {} |",
            who.describe(),
            number(figure("get", "cpu")?),
            number(figure("get", "rps")?),
            number(figure("get", "p99")?),
        );
        for (ask, _) in &ASKS[1..] {
            let _ = write!(text, " {} |", number(figure(ask, "cpu")?));
        }
        text.push('\n');
    }
    Some(text)
}

/// The goals of some sections, met and missed.
fn goals(baseline: &Baseline, is_wanted: fn(&Goal) -> bool) -> Option<String> {
    let mut text = String::from("| figure | goal | median (least..most) | |\n|---|---|---|---|\n");
    for goal in GOALS.iter().filter(|goal| is_wanted(goal)) {
        let figure = baseline.spread(goal)?;
        let verdict = match goal.bound.is_met(figure.median) {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "only reported",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {figure} {} | {verdict} |",
            goal.name, goal.bound, goal.unit
        );
    }
    Some(text)
}

/// What settings cost, or spare.
fn settings(baseline: &Baseline) -> Option<String> {
    let mut text = String::from("| with settings changed | median (least..most) |\n|---|---|\n");
    let of_settings = |goal: &&Goal| goal.section == Section::Settings;
    for goal in GOALS.iter().filter(of_settings) {
        let figure = baseline.spread(goal)?;
        let _ = writeln!(text, "| {} | {figure} {} |", goal.name, goal.unit);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_documents_have_the_figures_of_the_baseline() {
        let repo = Repo::find().unwrap();
        let baseline = Baseline::read(&repo).unwrap();
        for page in &PAGES {
            let text = fs::read_to_string(repo.root().join(page.file)).unwrap();
            let expected = page.with(&text, &baseline);
            let expected = expected.expect("a figure or a table is missing: `cargo xtask bench --builds --write-baseline` writes them");
            assert_eq!(text, expected, "{}", page.file);
        }
    }

    #[test]
    fn the_page_about_performance_says_what_it_was_measured_on() {
        let repo = Repo::find().unwrap();
        let baseline = Baseline::read(&repo).unwrap();
        let page = fs::read_to_string(repo.root().join("docs/performance.md")).unwrap();
        let sentence = page
            .lines()
            .find(|line| line.starts_with(MEASURED))
            .unwrap();
        for (key, part) in [
            ("processor", 0),
            ("memory", 0),
            ("rust", 1),
            ("postgres", 2),
        ] {
            let told = baseline.machine(key).unwrap();
            // `rustc 1.95.0 (…)`, `psql (PostgreSQL) 15.18 (…)`
            let told = match part {
                0 => told,
                part => told.split(' ').nth(part).unwrap(),
            };
            assert!(
                sentence.contains(told),
                "`{sentence}` says nothing of {told}"
            );
        }
    }

    #[test]
    fn the_page_about_performance_has_the_instructions_that_were_counted() {
        let root = Repo::find().unwrap().root().to_owned();
        let page = fs::read_to_string(root.join("docs/performance.md")).unwrap();
        let sentence = page
            .lines()
            .find(|line| line.starts_with("What it comes to"));
        let sentence = sentence.unwrap().split('.').next().unwrap();
        let counted = fs::read_to_string(root.join("bench/instructions.json")).unwrap();
        let counted: BTreeMap<String, f64> = serde_json::from_str(&counted).unwrap();
        for (ask, title) in ASKS {
            let told = format!("{title} {:.0} k", counted[ask] / 1e3);
            assert!(
                sentence.contains(&told),
                "`{sentence}` says nothing of `{told}`"
            );
        }
    }
}

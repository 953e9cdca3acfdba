//! The tables: the goals with what was measured, and the servers side by side.

use std::fmt::Write as _;

use super::{ASKS, Run};
use crate::bench::baseline::{Baseline, TOLERANCE};
use crate::bench::goals::GOALS;
use crate::bench::samples::{Samples, Spread, number};
use crate::bench::sections::Section;
use crate::bench::servers::Who;

/// Both tables, ready to be written in one form or another.
pub(crate) struct Table<'r> {
    run: &'r Run,
    goals: Vec<Row>,
}

/// A goal.
struct Row {
    name: &'static str,
    wanted: String,
    measured: String,
    verdict: &'static str,
    before: Option<Before>,
}

/// The baseline's figure.
struct Before {
    figure: f64,
    is_far_worse: bool,
}

impl<'r> Table<'r> {
    pub(crate) fn of(run: &'r Run, baseline: &Baseline) -> Self {
        let rows = GOALS.iter().filter_map(|goal| {
            let figure = goal.figure(&run.samples)?;
            let before = baseline.figure(goal, &run.machine);
            let before = before.map(|before| Before {
                figure: before,
                // What a setting costs, as a share of the rest, is neither good nor bad.
                is_far_worse: goal.section != Section::Settings
                    && goal.bound.worse(figure.median, before) > TOLERANCE,
            });
            Some(Row {
                name: goal.name,
                wanted: goal.bound.to_string(),
                measured: format!("{figure} {}", goal.unit),
                verdict: match goal.bound.is_met(figure.median) {
                    Some(true) => "met",
                    Some(false) => "missed",
                    None => "",
                },
                before,
            })
        });
        Self {
            run,
            goals: rows.collect(),
        }
    }

    /// For the terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Row {
            name,
            wanted,
            measured,
            verdict,
            before,
        } in &self.goals
        {
            let before = before.as_ref().map_or_else(String::new, |before| {
                let worse = if before.is_far_worse {
                    ", WORSE NOW"
                } else {
                    ""
                };
                format!("  (baseline {}{worse})", number(before.figure))
            });
            let _ = writeln!(text, "  {verdict:8}{measured:28}{wanted:16}{name}{before}");
        }
        for (ask, title) in self.asks() {
            let _ = writeln!(
                text,
                "\n  {title:40}{:24}{:28}p99, ms",
                "CPU µs a request", "requests a second"
            );
            for (who, [cpu, rps, p99]) in self.servers(ask) {
                let _ = writeln!(text, "  {:40}{cpu:24}{rps:28}{p99}", who.describe());
            }
        }
        let _ = writeln!(
            text,
            "\n  Medians of the rounds, with the least and the most. {}",
            self.run.machine.describe()
        );
        text
    }

    /// For documents.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| figure | goal | measured | |\n|---|---|---|---|\n");
        for Row {
            name,
            wanted,
            measured,
            verdict,
            ..
        } in &self.goals
        {
            let _ = writeln!(text, "| {name} | {wanted} | {measured} | {verdict} |");
        }
        for (ask, title) in self.asks() {
            let _ = writeln!(
                text,
                "\n| {title} | CPU, µs a request | requests a second | p99, ms |\n|---|---|---|---|"
            );
            for (who, [cpu, rps, p99]) in self.servers(ask) {
                let _ = writeln!(text, "| {} | {cpu} | {rps} | {p99} |", who.describe());
            }
        }
        let _ = writeln!(
            text,
            "\nMedians of the rounds, with the least and the most, measured by `{}` on {}",
            self.run.command,
            self.run.machine.describe()
        );
        text
    }

    /// The names of what is worse than the baseline by more than rounds of one binary differ.
    pub(crate) fn worse(&self) -> Vec<&'static str> {
        let far = |row: &&Row| {
            row.before
                .as_ref()
                .is_some_and(|before| before.is_far_worse)
        };
        self.goals.iter().filter(far).map(|row| row.name).collect()
    }

    fn asks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_measured = |ask: &str| {
            !self
                .run
                .samples
                .of(&format!("{ask}/service/cpu"))
                .is_empty()
        };
        ASKS.into_iter().filter(move |(ask, _)| is_measured(ask))
    }

    /// Each server with its processor time, requests a second and p99.
    fn servers(&self, ask: &str) -> Vec<(Who, [String; 3])> {
        let samples: &Samples = &self.run.samples;
        let figure = |who: Who, kind: &str| {
            let spread = Spread::of(samples.of(&format!("{ask}/{}/{kind}", who.name())));
            spread.map_or_else(String::new, |spread| spread.to_string())
        };
        let row = |who| (who, ["cpu", "rps", "p99"].map(|kind| figure(who, kind)));
        Who::ALL.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::bench::machine::Machine;
    use crate::bench::stage::Profile;

    fn run(cpu: f64) -> Run {
        let mut samples = Samples::default();
        samples.add("get/service/cpu", cpu);
        samples.add("get/bare/cpu", 20.0);
        samples.add("settings/pooler/cpu", 100.0);
        samples.add("settings/default/cpu", 1000.0 / cpu);
        Run {
            samples,
            machine: Machine::look(Path::new("psql"), Profile::Release),
            command: String::new(),
        }
    }

    #[test]
    fn what_is_worse_by_more_than_a_fifth_is_named() {
        let baseline = Baseline::of(&run(30.0));
        let worse = |cpu| Table::of(&run(cpu), &baseline).worse();
        for cpu in [20.0, 30.0, 35.9] {
            assert_eq!(worse(cpu), [""; 0], "{cpu}");
        }
        let name = GOALS[0].name;
        assert_eq!(worse(36.1), [name]);
    }
}

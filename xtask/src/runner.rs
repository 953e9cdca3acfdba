//! Running checks: one after the other, each with a log and a limit of its own, and one summary at the end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::check::{Check, Failure, Outcome};
use crate::context::{Context, Shared};
use crate::process::Interrupted;
use crate::progress::duration;

/// How much of a failed check's log is shown.
const TAIL_LINES: usize = 80;
const TAIL_WIDTH: usize = 400;

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) failed: Vec<(String, String)>,
    pub(crate) passed: usize,
    pub(crate) skipped: usize,
}

/// Runs the checks and says what came out; `skipped` others were not asked for.
pub(crate) fn run(shared: &Shared, checks: &[&Check], skipped: usize) -> Result<Summary> {
    let logs = shared.cache.checks("logs");
    fs::create_dir_all(&logs)?;
    let begun = Instant::now();
    let mut summary = Summary {
        skipped,
        ..Summary::default()
    };
    let mut interrupted = false;
    for (number, check) in checks.iter().enumerate() {
        if interrupted {
            summary.skipped += 1;
            continue;
        }
        say(&format!(
            "run     {}  ({} of {}) {}",
            check.name,
            number + 1,
            checks.len(),
            check.proves
        ));
        let log = logs.join(format!("{}.log", check.name.replace('/', "-")));
        fs::write(&log, "")?;
        let check_begun = Instant::now();
        let context = Context::new(shared, log, check_begun + check.limit);
        match (check.run)(&context).and_then(|()| typed_what_it_says(check, &context)) {
            Ok(()) => {
                summary.passed += 1;
                say(&format!(
                    "ok      {}  {}",
                    check.name,
                    duration(check_begun.elapsed())
                ));
            }
            Err(failure) if failure.interrupted => {
                interrupted = true;
                summary.skipped += 1;
            }
            Err(failure) => {
                report(&check.name, &failure, &context.log, check_begun.elapsed());
                summary.failed.push((check.name.clone(), failure.headline));
            }
        }
    }
    conclude(&summary, begun.elapsed());
    if interrupted {
        Err(Interrupted.into())
    } else {
        Ok(summary)
    }
}

/// A check that names a document's command line must have carried it out.
fn typed_what_it_says(check: &Check, context: &Context<'_>) -> Outcome {
    match check.types.iter().find(|line| !context.has_typed(line)) {
        Some(line) => Err(Failure::new(
            "the check says that it carries out a command line, and did not",
            format!("`{line}`"),
        )),
        None => Ok(()),
    }
}

fn report(name: &str, failure: &Failure, log: &Path, took: Duration) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    if !lines.is_empty() {
        say(&format!("\n--- the last lines of {}", log.display()));
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            let shown: String = line.chars().take(TAIL_WIDTH).collect();
            say(&if shown.len() < line.len() {
                format!("{shown} …")
            } else {
                shown
            });
        }
        say("---\n");
    }
    say(&format!(
        "FAILED  {name}   {}  ({})",
        failure.headline,
        duration(took)
    ));
    say(&format!("  what     {}", indented(&failure.what)));
    if let Some(place) = &failure.place {
        say(&format!("  where    {}", indented(place)));
    }
    say(&format!("  rerun    cargo xtask test {name}\n"));
}

fn conclude(summary: &Summary, took: Duration) {
    say("");
    for (name, headline) in &summary.failed {
        say(&format!("FAILED  {name}   {headline}"));
        say(&format!("  rerun    cargo xtask test {name}"));
    }
    say(&format!("took {}", duration(took)));
    say(&summary.line());
}

impl Summary {
    /// `12 passed, 0 failed`.
    fn line(&self) -> String {
        let skipped = if self.skipped > 0 {
            format!(", {} skipped", self.skipped)
        } else {
            String::new()
        };
        format!(
            "{} passed, {} failed{skipped}",
            self.passed,
            self.failed.len()
        )
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n           ")
}

/// Prints a line at once, also into a pipe.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: the exit code still says how it went.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let mut summary = Summary {
            passed: 12,
            ..Summary::default()
        };
        assert_eq!(summary.line(), "12 passed, 0 failed");
        summary.skipped = 3;
        summary.failed.push(("a/b".into(), "broken".into()));
        assert_eq!(summary.line(), "12 passed, 1 failed, 3 skipped");
    }
}

//! How far a sweep has come, on standard error: a line that moves on a terminal, and lines one below the other elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// Cells of the bar.
const WIDTH: usize = 24;

/// A bar of so many steps. Crates for this bring a terminal's whole vocabulary; here it is one line.
pub(super) struct Progress {
    is_terminal: bool,
    steps: usize,
    done: usize,
    begun: Instant,
}

impl Progress {
    pub(super) fn of(steps: usize) -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            steps,
            done: 0,
            begun: Instant::now(),
        }
    }

    /// What is being done now, shown on a terminal only.
    pub(super) fn now(&self, what: &str) {
        if self.is_terminal {
            let filled = WIDTH * self.done / self.steps.max(1);
            let (full, empty) = ("━".repeat(filled), "╌".repeat(WIDTH - filled));
            let (done, steps) = (self.done, self.steps);
            let left = self.left().map(|left| format!("  {} left", clock(left)));
            let left = left.unwrap_or_default();
            say(&format!(
                "\r\x1b[K{full}{empty} {done}/{steps}{left}  {what}"
            ));
        }
    }

    /// A step is done, and this came of it.
    pub(super) fn done(&mut self, what: &str) {
        self.done += 1;
        self.line(what);
    }

    /// A line that stays.
    pub(super) fn line(&self, what: &str) {
        let begin = if self.is_terminal { "\r\x1b[K" } else { "" };
        say(&format!("{begin}{what}\n"));
    }

    fn left(&self) -> Option<Duration> {
        let done = u32::try_from(self.done).ok().filter(|done| *done > 0)?;
        let left = u32::try_from(self.steps.saturating_sub(self.done)).ok()?;
        Some(self.begun.elapsed() / done * left)
    }
}

/// Minutes and seconds.
pub(super) fn clock(duration: Duration) -> String {
    let secs = duration.as_secs_f64().round();
    let minutes = (secs / 60.0).floor();
    match minutes {
        0.0 => format!("{secs} s"),
        _ => format!("{minutes} min {:02} s", secs - 60.0 * minutes),
    }
}

/// Whoever reads it may have gone away; the work goes on.
fn say(text: &str) {
    let mut stderr = stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(1400)), "1 s");
        assert_eq!(clock(Duration::from_secs(125)), "2 min 05 s");
    }
}

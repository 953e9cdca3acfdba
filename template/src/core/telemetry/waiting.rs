//! Lines on their way out: they wait until the thread that logged them has nothing else to do, and are written together.
//!
//! To write each for itself takes a call of the system for each request, which is much of what a small one costs. A line at `warn` or
//! above doesn't wait, and takes along what does: should the process be killed, the reason is there. Nor do lines of threads that
//! never say that they rest.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Level;

use super::Output;

/// How much may wait, in bytes.
const MOST: usize = 32 * 1024;

static WAITING: Mutex<Waiting<Output>> = Mutex::new(Waiting::new(Output::Stdout));

thread_local! {
    static RESTS: Cell<bool> = const { Cell::new(false) };
}

struct Waiting<W> {
    lines: Vec<u8>,
    output: W,
}

/// Writes a line, at once or soon.
pub(super) fn write(output: Output, line: &str, level: Level) {
    let mut waiting = waiting();
    waiting.output = output;
    waiting.add(line, level, RESTS.get());
}

/// Writes what waits. The thread will say so again, whenever it has nothing to do; so its lines may wait for that.
pub(super) fn rest() {
    RESTS.set(true);
    flush();
}

/// Writes what waits.
pub(super) fn flush() {
    waiting().write_all();
}

fn waiting() -> MutexGuard<'static, Waiting<Output>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W> Waiting<W> {
    const fn new(output: W) -> Self {
        Self {
            lines: Vec::new(),
            output,
        }
    }
}

impl<W: Write> Waiting<W> {
    fn add(&mut self, line: &str, level: Level, rests: bool) {
        self.lines.extend_from_slice(line.as_bytes());
        let may_wait = rests && level >= Level::INFO && self.lines.len() < MOST;
        if !may_wait {
            self.write_all();
        }
    }

    fn write_all(&mut self) {
        if !self.lines.is_empty() {
            // There is nowhere to report that the log can't be written.
            let _ = self.output.write_all(&self.lines);
            self.lines.clear();
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => io::stdout().write(bytes),
            Self::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_until_their_thread_rests() {
        let mut waiting = Waiting::new(Vec::new());
        waiting.add("1\n", Level::INFO, true);
        waiting.add("2\n", Level::DEBUG, true);
        assert_eq!(waiting.output, b"");
        waiting.write_all();
        assert_eq!(waiting.output, b"1\n2\n");
        waiting.write_all();
        assert_eq!(waiting.output, b"1\n2\n", "once");
    }

    #[test]
    fn what_is_urgent_or_comes_from_a_thread_that_never_rests_waits_for_nothing() {
        for (level, rests) in [
            (Level::WARN, true),
            (Level::ERROR, true),
            (Level::INFO, false),
        ] {
            let mut waiting = Waiting::new(Vec::new());
            waiting.add("before\n", Level::INFO, true);
            waiting.add("now\n", level, rests);
            assert_eq!(waiting.output, b"before\nnow\n", "{level} {rests}");
        }
    }

    #[test]
    fn a_thread_that_never_comes_to_rest_does_not_keep_lines_for_ever() {
        let mut waiting = Waiting::new(Vec::new());
        let line = "x".repeat(1023) + "\n";
        let mut logged = 0;
        while waiting.output.is_empty() {
            waiting.add(&line, Level::INFO, true);
            logged += line.len();
            assert!(logged <= MOST, "{logged} bytes wait");
        }
        assert_eq!(waiting.output.len(), logged);
    }
}

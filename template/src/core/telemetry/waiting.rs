//! Lines on their way out: they wait until the thread that logged them has nothing else to do, and are written together.
//!
//! To write each for itself takes a call of the system for each request, which is much of what a small one costs. A line at `warn` or
//! above doesn't wait, and takes along what does: should the process be killed, the reason is there. Nor do lines of threads that
//! never say that they rest.

use std::cell::Cell;
use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use tracing::Level;

use super::Output;

/// How much may wait, in bytes.
const MOST: usize = 32 * 1024;

static WAITING: Waiting<Output> = Waiting::new(Output::Stdout);

thread_local! {
    static RESTS: Cell<bool> = const { Cell::new(false) };
}

/// Two locks, so that nobody who logs waits for a call of the system: with one, two busy threads spent a hundredth of their time on it.
struct Waiting<W> {
    lines: Mutex<Lines>,
    writer: Mutex<Writer<W>>,
}

struct Lines {
    text: Vec<u8>,
    /// Somebody leaves them to whoever holds the writer.
    are_left: bool,
}

struct Writer<W> {
    output: W,
    /// What is being written. It changes places with what waits, so that both keep their room.
    text: Vec<u8>,
}

/// Says where lines go: to standard output, as long as nobody does.
pub(super) fn write_to(output: Output) {
    locked(&WAITING.writer).output = output;
}

/// Writes a line, at once or soon.
pub(super) fn write(line: &str, level: Level) {
    WAITING.add(line, level, RESTS.get());
}

/// Writes what waits. The thread will say so again, whenever it has nothing to do; so its lines may wait for that.
pub(super) fn rest() {
    RESTS.set(true);
    WAITING.write_or_leave();
}

/// Writes what waits.
pub(super) fn flush() {
    WAITING.write_all();
}

impl<W> Waiting<W> {
    const fn new(output: W) -> Self {
        Self {
            lines: Mutex::new(Lines {
                text: Vec::new(),
                are_left: false,
            }),
            writer: Mutex::new(Writer {
                output,
                text: Vec::new(),
            }),
        }
    }
}

impl<W: Write> Waiting<W> {
    fn add(&self, line: &str, level: Level, rests: bool) {
        let mut lines = locked(&self.lines);
        lines.text.extend_from_slice(line.as_bytes());
        let may_wait = rests && level >= Level::INFO && lines.text.len() < MOST;
        drop(lines);
        if !may_wait {
            self.write_all();
        }
    }

    /// Returns when all that waited is written.
    fn write_all(&self) {
        let writer = locked(&self.writer);
        if self.write_with(writer, locked(&self.lines)) {
            self.write_or_leave();
        }
    }

    /// Writes what waits, or, if somebody is writing, leaves it to them.
    fn write_or_leave(&self) {
        loop {
            let mut lines = locked(&self.lines);
            if lines.text.is_empty() {
                return;
            }
            let writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    lines.are_left = true;
                    return;
                }
            };
            if !self.write_with(writer, lines) {
                return;
            }
        }
    }

    /// Writes what waits. Answers whether more was left to this thread meanwhile: it is only looked at when the writer is free again, so
    /// whoever leaves something later than that finds it free, or held by somebody who will look.
    fn write_with(
        &self,
        mut writer: MutexGuard<'_, Writer<W>>,
        mut lines: MutexGuard<'_, Lines>,
    ) -> bool {
        mem::swap(&mut lines.text, &mut writer.text);
        lines.are_left = false;
        drop(lines);
        writer.write();
        drop(writer);
        locked(&self.lines).are_left
    }
}

impl<W: Write> Writer<W> {
    fn write(&mut self) {
        if !self.text.is_empty() {
            // There is nowhere to report that the log can't be written.
            let _ = self.output.write_all(&self.text);
            self.text.clear();
        }
    }
}

/// Nothing that is done under these locks can fail halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    fn written(waiting: &Waiting<Vec<u8>>) -> Vec<u8> {
        locked(&waiting.writer).output.clone()
    }

    #[test]
    fn lines_wait_until_their_thread_rests() {
        let waiting = Waiting::new(Vec::new());
        waiting.add("1\n", Level::INFO, true);
        waiting.add("2\n", Level::DEBUG, true);
        assert_eq!(written(&waiting), b"");
        waiting.write_or_leave();
        assert_eq!(written(&waiting), b"1\n2\n");
        waiting.write_all();
        assert_eq!(written(&waiting), b"1\n2\n", "once");
    }

    #[test]
    fn what_is_urgent_or_comes_from_a_thread_that_never_rests_waits_for_nothing() {
        for (level, rests) in [
            (Level::WARN, true),
            (Level::ERROR, true),
            (Level::INFO, false),
        ] {
            let waiting = Waiting::new(Vec::new());
            waiting.add("before\n", Level::INFO, true);
            waiting.add("now\n", level, rests);
            assert_eq!(written(&waiting), b"before\nnow\n", "{level} {rests}");
        }
    }

    #[test]
    fn a_thread_that_never_comes_to_rest_does_not_keep_lines_for_ever() {
        let waiting = Waiting::new(Vec::new());
        let line = "x".repeat(1023) + "\n";
        let mut logged = 0;
        while written(&waiting).is_empty() {
            waiting.add(&line, Level::INFO, true);
            logged += line.len();
            assert!(logged <= MOST, "{logged} bytes wait");
        }
        assert_eq!(written(&waiting).len(), logged);
    }

    /// Says that it was asked to write, and writes when it may.
    struct Slow {
        asked: Sender<()>,
        may: Receiver<()>,
        written: Vec<u8>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            let _ = self.may.recv();
            self.written.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_writes_also_writes_what_others_left_meanwhile_and_they_do_not_wait() {
        let ((asked, was_asked), (let_write, may)) = (channel(), channel());
        let waiting = Waiting::new(Slow {
            asked,
            may,
            written: Vec::new(),
        });
        thread::scope(|scope| {
            scope.spawn(|| waiting.add("1\n", Level::WARN, true));
            let _ = was_asked.recv();
            waiting.add("2\n", Level::INFO, true);
            waiting.write_or_leave();
            // This thread is here although nothing is written yet. Dropped, it refuses nothing any more.
            drop(let_write);
        });
        assert_eq!(locked(&waiting.writer).output.written, b"1\n2\n");
    }
}

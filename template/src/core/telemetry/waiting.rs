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

/// Two locks, so that a line that may wait doesn't wait for a call of the system: with one, two busy threads spent a hundredth of their
/// time in line for it.
struct Waiting<W> {
    lines: Mutex<Lines>,
    writer: Mutex<Writer<W>>,
}

struct Lines {
    text: Vec<u8>,
    /// What becomes of those that come while a thread writes.
    meanwhile: Meanwhile,
}

/// A thread looks once more for others, not for ever: it would write for all of them for as long as they log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// Their thread takes its turn.
    Wait,
    /// Their thread may leave them: whoever writes will look again.
    MayBeLeft,
    /// Some are.
    AreLeft,
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

/// Writes what waits, or leaves it to whoever is writing. The thread will say so again, whenever it has nothing to do; so its lines may
/// wait for that.
pub(super) fn rest() {
    RESTS.set(true);
    WAITING.write_or_leave();
}

/// Writes what waits, and returns when all of it is written.
pub(super) fn flush() {
    WAITING.write_all();
}

impl<W> Waiting<W> {
    const fn new(output: W) -> Self {
        Self {
            lines: Mutex::new(Lines {
                text: Vec::new(),
                meanwhile: Meanwhile::Wait,
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
        self.write_twice(writer, locked(&self.lines));
    }

    /// Writes what waits, or leaves it to whoever is writing, if they look again.
    fn write_or_leave(&self) {
        let mut lines = locked(&self.lines);
        if lines.text.is_empty() {
            return;
        }
        match self.writer.try_lock() {
            Ok(writer) => self.write_twice(writer, lines),
            Err(TryLockError::Poisoned(writer)) => self.write_twice(writer.into_inner(), lines),
            Err(TryLockError::WouldBlock) if lines.meanwhile == Meanwhile::Wait => {
                // The writer is always locked first, or only tried.
                drop(lines);
                self.write_all();
            }
            Err(TryLockError::WouldBlock) => lines.meanwhile = Meanwhile::AreLeft,
        }
    }

    /// Writes what waits, and then what was left meanwhile.
    fn write_twice(&self, mut writer: MutexGuard<'_, Writer<W>>, lines: MutexGuard<'_, Lines>) {
        writer.write(lines, Meanwhile::MayBeLeft);
        drop(writer);
        // Only now that the writer is free: whoever leaves lines later than that finds it so, or held by somebody who looks.
        if locked(&self.lines).meanwhile == Meanwhile::AreLeft {
            let mut writer = locked(&self.writer);
            writer.write(locked(&self.lines), Meanwhile::Wait);
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes the lines, which don't stay locked meanwhile.
    fn write(&mut self, mut lines: MutexGuard<'_, Lines>, meanwhile: Meanwhile) {
        mem::swap(&mut lines.text, &mut self.text);
        lines.meanwhile = meanwhile;
        drop(lines);
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
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use super::*;

    /// What waits longer than that waits for ever.
    const LONG: Duration = Duration::from_secs(10);

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

    /// Says that it was asked to write, and writes when it may; remembers which thread wrote what.
    struct Slow {
        asked: Sender<()>,
        may: Receiver<()>,
        written: Vec<(ThreadId, String)>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            let _ = self.may.recv_timeout(LONG);
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.written.push((thread::current().id(), text));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Waiting<Slow>, Receiver<()>, Sender<()>) {
        let ((asked, was_asked), (let_write, may)) = (channel(), channel());
        let slow = Slow {
            asked,
            may,
            written: Vec::new(),
        };
        (Waiting::new(slow), was_asked, let_write)
    }

    #[test]
    fn whoever_writes_looks_once_for_what_others_left_and_those_do_not_wait() {
        let (waiting, was_asked, let_write) = slow();
        let (first, third) = thread::scope(|scope| {
            let first = scope.spawn(|| waiting.add("1\n", Level::WARN, true));
            was_asked.recv_timeout(LONG).unwrap();
            waiting.add("2\n", Level::INFO, true);
            waiting.write_or_leave();
            assert!(
                waiting.writer.try_lock().is_err(),
                "it waited for the other"
            );
            let_write.send(()).unwrap();
            was_asked.recv_timeout(LONG).unwrap();

            let third = scope.spawn(|| {
                waiting.add("3\n", Level::INFO, true);
                waiting.write_or_leave();
            });
            while locked(&waiting.lines).text.is_empty() {
                thread::yield_now();
            }
            let ids = (first.thread().id(), third.thread().id());
            // With this gone, nothing holds up the writer any more.
            drop(let_write);
            ids
        });
        let expected = [(first, "1\n"), (first, "2\n"), (third, "3\n")];
        let expected = expected.map(|(thread, line)| (thread, line.to_owned()));
        assert_eq!(locked(&waiting.writer).output.written, expected);
    }

    #[test]
    fn a_flush_returns_only_when_what_another_thread_writes_is_written() {
        let (waiting, was_asked, let_write) = slow();
        thread::scope(|scope| {
            scope.spawn(|| waiting.add("1\n", Level::WARN, true));
            was_asked.recv_timeout(LONG).unwrap();
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                drop(let_write);
            });
            waiting.write_all();
            let writer = waiting.writer.try_lock();
            let written = writer.map(|writer| writer.output.written.len());
            assert_eq!(written.ok(), Some(1));
        });
    }
}

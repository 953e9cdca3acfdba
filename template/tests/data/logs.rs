//! What was logged while a test ran.

use std::{
    cell::RefCell,
    io,
    sync::{LazyLock, Once},
};

use tracing::Dispatch;
use tracing_subscriber::Registry;

/// Collects what this thread logs from now on; tests have a runtime of one thread.
///
/// There is one subscriber for the whole process, which tells threads apart: with one for each thread, whether an event is of
/// interest to anybody would depend on which tests run at the same time.
pub(crate) struct Logs(());

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl Logs {
    pub(crate) fn capture() -> Self {
        static SUBSCRIBE: Once = Once::new();
        SUBSCRIBE.call_once(|| {
            // While there is only one subscriber, tracing asks the thread that meets a callsite first whether anybody is
            // interested in it, and remembers a no for all threads: it comes from those that run before ours is everybody's.
            // With a second one it asks all subscribers.
            static SECOND: LazyLock<Dispatch> =
                LazyLock::new(|| Dispatch::new(Registry::default()));
            LazyLock::force(&SECOND);
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_max_level(tracing::Level::INFO)
                .with_writer(|| ThisThread)
                .init();
        });
        WRITTEN.take();
        Self(())
    }

    #[expect(clippy::unused_self, reason = "without it, nothing is captured")]
    pub(crate) fn text(&self) -> String {
        WRITTEN.with_borrow(|written| String::from_utf8_lossy(written).into_owned())
    }

    /// One line must contain all of these.
    #[track_caller]
    pub(crate) fn assert_line(&self, parts: &[&str]) {
        let text = self.text();
        let found = text
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "no line contains all of {parts:?}:\n{text}");
    }
}

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

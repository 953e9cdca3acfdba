//! What was logged while a test ran.

use std::cell::Cell;
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};
use std::{io, panic};

use app::core::telemetry::panics::hook;
use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;

/// Collects what this thread logs, as JSON; tests have a runtime of one thread.
pub(crate) struct Logs {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub(crate) fn capture() -> Self {
        // While there is only one subscriber, tracing asks the thread that meets a callsite first whether anybody is interested
        // in it, and remembers a no for all threads. With a second one it asks all subscribers.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Registry::default()));
        LazyLock::force(&SECOND);
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(written.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// From now on panics of this thread are logged, as they are when the service runs; until what is returned is dropped.
    pub(crate) fn panics() -> Panics {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let others = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                if LOG_PANICS.get() {
                    hook(panic);
                } else {
                    others(panic);
                }
            }));
        });
        LOG_PANICS.set(true);
        Panics
    }

    /// The lines that are errors.
    pub(crate) fn errors(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["level"] == "ERROR");
        lines
    }

    /// The lines of the module that writes the one line a request has.
    pub(crate) fn of_requests(&self) -> Vec<Value> {
        self.of("boundary")
    }

    /// The lines of the modules with this in their path.
    pub(crate) fn of(&self, module: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["target"].as_str().unwrap().contains(module));
        lines
    }

    fn lines(&self) -> Vec<Value> {
        let written = self.written.0.lock();
        let written = written.unwrap_or_else(PoisonError::into_inner);
        let lines = written.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

thread_local! {
    static LOG_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// As long as this is kept, panics of this thread are logged; the message of a test that fails would be lost.
pub(crate) struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        LOG_PANICS.set(false);
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.lock();
        let mut written = written.unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

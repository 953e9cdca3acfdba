//! Panics: each is logged once. [`catch`] hands one to whoever knows what was going on, such as the answering of a request; the hook logs
//! those that nobody catches so.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
};

thread_local! {
    /// Whether this thread is inside [`catch`].
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// What the hook has seen inside [`catch`], until that takes it.
    static SEEN: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// A panic, with what only the hook can see of it.
#[derive(Debug)]
pub struct Panic {
    message: String,
    location: Option<String>,
    backtrace: Option<String>,
}

impl Panic {
    fn seen(panic: &PanicHookInfo<'_>) -> Self {
        // Only if RUST_BACKTRACE asks for it: it is expensive.
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        Self {
            message: panic.payload_as_str().unwrap_or(NO_MESSAGE).to_owned(),
            location: panic.location().map(ToString::to_string),
            backtrace: captured.then(|| backtrace.to_string()),
        }
    }

    /// What is left of it where the hook is another one.
    fn caught(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self {
            message: text.unwrap_or(NO_MESSAGE).to_owned(),
            location: None,
            backtrace: None,
        }
    }

    /// File, line and column.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// How it came there, if `RUST_BACKTRACE` asks for that.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }

    fn log(&self) {
        tracing::error!(
            location = self.location(),
            backtrace = self.backtrace(),
            "panicked: {}",
            self.message
        );
    }
}

const NO_MESSAGE: &str = "(no message)";

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic: {}", self.message)
    }
}

impl Error for Panic {}

/// Makes [`hook`] the one of the process.
pub(super) fn log() {
    panic::set_hook(Box::new(hook));
}

/// What [`init`](super::init) makes the hook: logs a panic as an error, in the format of everything else, unless [`catch`] gets it.
pub fn hook(panic: &PanicHookInfo<'_>) {
    let panic = Panic::seen(panic);
    if !CATCHING.get() {
        return panic.log();
    }
    // One that is still there is nobody's: it was caught halfway, or this is another one while it unwinds, which ends the process.
    if let Some(before) = SEEN.replace(Some(panic)) {
        before.log();
    }
}

/// Does `work`. If it panics, that is not logged here: it is the caller's to do.
///
/// # Errors
///
/// The panic.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = CATCHING.replace(true);
    // The caller looks at nothing that `work` was changing.
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    done.map_err(|payload| SEEN.take().unwrap_or_else(|| Panic::caught(&*payload)))
}

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// Logs every panic as an error, in the format of everything else. Whoever catches it says what became of the request.
pub(super) fn log() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        let location = panic.location().map(ToString::to_string);
        // Only if RUST_BACKTRACE asks for it: it is expensive.
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        let backtrace = captured.then(|| backtrace.to_string());
        tracing::error!(
            location = location.as_deref(),
            backtrace = backtrace.as_deref(),
            "panicked: {message}"
        );
    }));
}

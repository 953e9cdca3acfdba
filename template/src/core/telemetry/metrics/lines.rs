use metrics::{Counter, counter};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

const LINES: &str = "log_lines_total";

crate::register_metrics! {
    counter LINES: "Lines written to the log.", labels ["level"];
}

/// Counts log lines by level: whether there are errors is what an alert asks first.
pub(in crate::core::telemetry) struct CountLines {
    error: Counter,
    warn: Counter,
    info: Counter,
    debug: Counter,
    trace: Counter,
}

impl CountLines {
    /// Counts from now on, if metrics are collected by now.
    pub(in crate::core::telemetry) fn new() -> Self {
        Self {
            error: counter!(LINES, "level" => "error"),
            warn: counter!(LINES, "level" => "warn"),
            info: counter!(LINES, "level" => "info"),
            debug: counter!(LINES, "level" => "debug"),
            trace: counter!(LINES, "level" => "trace"),
        }
    }
}

impl<S: Subscriber> Layer<S> for CountLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let counter = match *event.metadata().level() {
            Level::ERROR => &self.error,
            Level::WARN => &self.warn,
            Level::INFO => &self.info,
            Level::DEBUG => &self.debug,
            Level::TRACE => &self.trace,
        };
        counter.increment(1);
    }
}

//! What the service says about itself: the log, with panics, metrics, and traces; and how an error is told with its causes.
//!
//! Nothing here knows what is logged. Secrets stay out of it because their type doesn't show them.

pub mod build;
mod causes;
pub mod context;
mod cut;
mod fields;
mod filter;
mod json;
pub mod metrics;
mod milliseconds;
#[cfg(feature = "otlp")]
mod otlp;
pub mod panics;
mod waiting;

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::{self, time::ChronoLocal},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

pub use self::causes::{error_line, error_texts};
pub use self::context::{carry_on, inject};
pub use self::cut::cut;
use self::fields::KeepFields;
use self::json::JsonLines;
use self::metrics::{CountLines, MetricsError};
pub use self::milliseconds::milliseconds;
#[cfg(feature = "otlp")]
pub use self::otlp::OtlpError;
use crate::core::config::{Config, LogConfig, LogFormat};

/// The most of a URL's path that a span keeps, in bytes.
pub const PATH_BYTES: usize = 1024;

type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What listens to spans and to log lines, to send them somewhere.
#[derive(Default)]
struct Sent {
    traces: Option<BoxLayer>,
    logs: Option<BoxLayer>,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output: the log is what the command is for.
    Stdout,
    /// Standard error: standard output is for the command's result.
    Stderr,
}

/// Why the service can't say anything about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A log was started already.
    #[error("the log can't be started")]
    Log(#[from] TryInitError),
    /// Metrics can't be collected.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Traces or logs can't be sent.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}

/// Starts to collect [`metrics`], the log as the `LOG_` section says, and traces as the `OTEL_` section does; from now on [`panics`] are
/// logged. Whoever calls this calls [`flush`] at the end.
///
/// Warnings that came up while the configuration was read are the log's first lines.
///
/// # Errors
///
/// See [`TelemetryError`].
pub fn init(config: &Config, output: Output) -> Result<(), TelemetryError> {
    metrics::install()?;
    let section = config.section::<LogConfig>();
    let filter = filter::filter(config.rust_log(), &section.level);
    let is_for_lines = filter::spans_for_lines(&filter, section.format);
    let writer: BoxLayer = match (section.format, output) {
        (LogFormat::Json, _) => Box::new(JsonLines::new(waiting::write)),
        (LogFormat::Pretty, Output::Stdout) => {
            Box::new(pretty(io::stdout().is_terminal()).with_writer(io::stdout))
        }
        (LogFormat::Pretty, Output::Stderr) => {
            Box::new(pretty(io::stderr().is_terminal()).with_writer(io::stderr))
        }
    };
    #[cfg(feature = "otlp")]
    let sent = otlp::start(config)?;
    #[cfg(not(feature = "otlp"))]
    let sent = Sent::default();
    let lines: [BoxLayer; 3] = [Box::new(KeepFields), Box::new(CountLines::new()), writer];
    let lines: Vec<BoxLayer> = lines.into_iter().chain(sent.logs).collect();
    let filter = filter.and(filter_fn(is_for_lines));
    let lines: BoxLayer = Box::new(lines.with_filter(filter));
    let listeners: Vec<BoxLayer> = sent.traces.into_iter().chain([lines]).collect();
    tracing_subscriber::registry().with(listeners).try_init()?;
    waiting::write_to(output);
    panics::log();
    for warning in config.warnings() {
        tracing::warn!("{}", warning.one_line());
    }
    Ok(())
}

/// Sees to it that the lines that wait are written. Threads that log a lot call it whenever they have nothing else to do: from then on their lines wait for
/// that, and are written together.
pub fn rest() {
    waiting::rest();
}

/// How long [`flush`] may take. It comes on top of the time to stop: a collector that is away shall not hold up the end for longer.
pub const FLUSH: Duration = Duration::from_secs(2);

/// Writes and sends what still waits, and returns within [`FLUSH`]. Call it last: what is traced or logged later stays here.
pub fn flush() {
    waiting::flush();
    #[cfg(feature = "otlp")]
    otlp::flush();
}

/// The target of a span that gives log lines their fields, and is no step of its own in a trace.
pub const LOG_ONLY: &str = "app::log";

/// For people: the time of day, and colours where they can be seen and nobody has asked for none (<https://no-color.org>).
fn pretty<S>(
    colours: bool,
) -> fmt::Layer<S, fmt::format::DefaultFields, fmt::format::Format<fmt::format::Full, ChronoLocal>>
{
    fmt::layer()
        .with_timer(ChronoLocal::new("%H:%M:%S%.3f".to_owned()))
        .with_ansi(colours && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
}

//! What the service says about itself: the log, with panics, and metrics; and how an error is told with its causes.
//!
//! Nothing here knows what is logged. Secrets stay out of it because their type doesn't show them.

pub mod build;
mod causes;
mod filter;
mod json;
pub mod metrics;
pub mod panics;

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer, Registry,
    fmt::{self, time::ChronoLocal},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

pub use self::causes::{error_line, error_texts};
use self::json::JsonLines;
use self::metrics::{CountLines, MetricsError};
use crate::core::config::{Config, LogConfig, LogFormat};

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
}

/// Starts to collect [`metrics`], and the log as the `LOG_` section says; from now on [`panics`] are logged.
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
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match (section.format, output) {
        (LogFormat::Json, Output::Stdout) => Box::new(JsonLines::new(io::stdout)),
        (LogFormat::Json, Output::Stderr) => Box::new(JsonLines::new(io::stderr)),
        (LogFormat::Pretty, Output::Stdout) => {
            Box::new(pretty(io::stdout().is_terminal()).with_writer(io::stdout))
        }
        (LogFormat::Pretty, Output::Stderr) => {
            Box::new(pretty(io::stderr().is_terminal()).with_writer(io::stderr))
        }
    };
    tracing_subscriber::registry()
        .with(lines.and_then(CountLines::new()).with_filter(filter))
        .try_init()?;
    panics::log();
    for warning in config.warnings() {
        tracing::warn!("{}", warning.one_line());
    }
    Ok(())
}

/// For people: the time of day, and colours where they can be seen and nobody has asked for none (<https://no-color.org>).
fn pretty<S>(
    colours: bool,
) -> fmt::Layer<S, fmt::format::DefaultFields, fmt::format::Format<fmt::format::Full, ChronoLocal>>
{
    fmt::layer()
        .with_timer(ChronoLocal::new("%H:%M:%S%.3f".to_owned()))
        .with_ansi(colours && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
}

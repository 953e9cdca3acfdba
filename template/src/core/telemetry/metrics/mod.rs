//! Metrics: each is declared once, next to the code that emits it, and `/metrics` shows them to Prometheus.
//!
//! Code emits with the macros of the crate `metrics`, such as `metrics::counter!`. Before [`install`] they do nothing.

mod declaration;
mod lines;
mod method;
mod process;
mod reference;
mod runtime;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub use self::declaration::{Kind, Metric};
pub(super) use self::lines::CountLines;
pub use self::method::{METHODS, OTHER_METHOD, method_label};
pub use self::reference::{pages, table};
use crate::core::registry::{self, RegistryError};

pub use crate::register_metrics;

/// The bounds of every histogram, in seconds: from a statement on a primary key to the longest a request may take.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
];

/// How often what histograms were told is added up. In between each value takes 8 bytes: 30,000 a second are 1.2 MB.
const UPKEEP: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Why metrics can't be collected.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Two files declare a metric of one name.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The recorder refuses its settings, or there is another one.
    #[error("metrics can't be recorded")]
    Recorder(#[from] BuildError),
    /// The system gives no thread.
    #[error("metrics can't be kept up")]
    Upkeep(#[from] std::io::Error),
}

/// Starts to collect metrics for this process. What is declared without labels is there from now on, as 0. A second call does nothing.
///
/// # Errors
///
/// See [`MetricsError`].
pub fn install() -> Result<(), MetricsError> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if is_installed() {
        return Ok(());
    }
    let declared = registry::entries::<Metric>()?;
    let handle = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .install_recorder()?;
    for metric in declared {
        metric.describe();
    }
    process::set_build_info();
    let kept_up = handle.clone();
    // A thread, not a task: when the runtime is overloaded, histograms grow fastest.
    let upkeep = thread::Builder::new().name("metrics-upkeep".to_owned());
    upkeep.spawn(move || {
        loop {
            thread::sleep(UPKEEP);
            kept_up.run_upkeep();
        }
    })?;
    RECORDER.get_or_init(|| handle);
    Ok(())
}

/// Whether metrics are collected. Whoever keeps a handle of one must not take it before: it would do nothing for ever.
#[must_use]
pub fn is_installed() -> bool {
    RECORDER.get().is_some()
}

/// All metrics in Prometheus' text format, sorted by name; `None` before [`install`].
#[must_use]
pub fn render() -> Option<String> {
    let recorder = RECORDER.get()?;
    process::mirror();
    runtime::mirror();
    let text = recorder.render();
    // One block for each metric, in the order of a hash map.
    let mut blocks: Vec<&str> = text.split_terminator("\n\n").collect();
    blocks.sort_unstable_by_key(|block| name_of(block));
    let mut sorted = blocks.join("\n");
    sorted.push('\n');
    Some(sorted)
}

/// A block begins with `# HELP name …`, or with `# TYPE name …` if nobody declared it.
fn name_of(block: &str) -> Option<&str> {
    block.split_whitespace().nth(2)
}

//! The checked-in list of metrics, which is their reference, too: one page for each module, so that a part takes its own along.

use std::{collections::BTreeMap, fmt::Write};

use super::Metric;
use crate::core::registry::{self, RegistryError};

/// The pages of `docs/reference/metrics/` by name, such as `core.telemetry.metrics.runtime.md`. What tests declare is not part of them.
///
/// # Errors
///
/// If two files declare a metric of one name.
pub fn pages() -> Result<BTreeMap<String, String>, RegistryError> {
    let mut modules: BTreeMap<String, Vec<&Metric>> = BTreeMap::new();
    for metric in registry::entries::<Metric>()? {
        let module = metric.origin.module;
        if let Some((env!("CARGO_CRATE_NAME"), path)) = module.split_once("::") {
            let name = path.replace("::", ".");
            modules.entry(name).or_default().push(metric);
        }
    }
    let pages = modules.into_iter();
    Ok(pages
        .map(|(module, metrics)| (format!("{module}.md"), page(&module, &metrics)))
        .collect())
}

fn page(module: &str, metrics: &[&Metric]) -> String {
    let mut page = format!(
        "# Metrics of `{module}`\n\n\
         Made from the code by `cargo run -- metrics --write`. What to do about them: [observability](../../observability.md).\n\n\
         | name | kind | labels | meaning |\n|---|---|---|---|\n"
    );
    for metric in metrics {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let labels = if labels.is_empty() {
            "-".to_owned()
        } else {
            labels.join(", ")
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {labels} | {} |",
            metric.name, metric.kind, metric.help
        );
    }
    page
}

/// Every metric, for the terminal.
///
/// # Errors
///
/// If two files declare a metric of one name.
pub fn table() -> Result<String, RegistryError> {
    let metrics = registry::entries::<Metric>()?;
    let width = metrics.iter().map(|metric| metric.name.len()).max();
    let width = width.unwrap_or_default();
    let mut table = format!("{:width$}  {:9}  LABELS\n", "NAME", "KIND");
    for Metric {
        name, kind, labels, ..
    } in metrics
    {
        let labels = if labels.is_empty() {
            "-".to_owned()
        } else {
            labels.join(", ")
        };
        let _ = writeln!(table, "{name:width$}  {kind:9}  {labels}");
    }
    Ok(table)
}

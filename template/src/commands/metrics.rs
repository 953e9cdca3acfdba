use super::{
    output,
    reference::{Copies, CopiesArgs, reference_dir},
};
use crate::core::telemetry::metrics;

/// Prints the list of metrics, or writes or checks its pages in docs/reference/metrics.
pub(super) fn run(arguments: &CopiesArgs) -> anyhow::Result<()> {
    let table = metrics::table()?;
    Copies::new("metrics")
        .directory(reference_dir().join("metrics"), metrics::pages()?)
        .run(arguments, || output::print(&table))
}

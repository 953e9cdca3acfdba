//! The dashboard's queries, asked of a Prometheus that has seen everything.

use anyhow::Result;
use serde_json::Value;

use super::prometheus::Prometheus;

/// The queries of the dashboard that yield nothing, with their panel.
pub(super) fn empty(dashboard: &str, prometheus: &Prometheus) -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(dashboard)?;
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut empty = Vec::new();
    for panel in list(&dashboard, "panels") {
        for target in list(&panel, "targets") {
            let expression = target["expr"].as_str().unwrap_or_default();
            if prometheus.count(&with_all(expression))? == 0 {
                empty.push(format!("{}: {expression}", panel["title"]));
            }
        }
    }
    Ok(empty)
}

/// What Grafana asks if everything is chosen; with as little patience as the rules have.
fn with_all(expression: &str) -> String {
    expression
        .replace("job=\"$job\"", "job=~\".+\"")
        .replace("$namespace", ".*")
        .replace("$instance", ".*")
        .replace("$__rate_interval", "10s")
        .replace("[30d]", "[1d]")
}

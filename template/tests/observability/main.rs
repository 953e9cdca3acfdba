//! What looks at the service from outside knows it: rules, alerts, dashboard and runbook name metrics and labels that there are.

#![expect(
    clippy::unwrap_used,
    reason = "a file that can't be read fails the test"
)]

mod collector;
mod dashboard;
mod names;
mod promql;
mod provisioning;
mod rules;
mod runbook;

#[path = "../support/files.rs"]
mod files;

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;

/// A file of the folder `observability/`, which stands beside `src/`.
fn text(path: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("observability");
    fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The same, of YAML.
fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with all of them, if there are any.
#[track_caller]
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

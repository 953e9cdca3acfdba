//! Where and when something was measured, without which it says nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::stage::Profile;
use crate::postgres::NOT_DURABLE;

/// What is worth knowing of a machine.
#[derive(Debug)]
pub(super) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    memory: String,
    system: String,
    kernel: String,
    rust: String,
    postgres: String,
    /// What makes the binaries other than they are shipped.
    profile: Vec<String>,
}

impl Machine {
    /// This one; `psql` is beside the server that was used.
    pub(super) fn look(psql: &Path, profile: Profile) -> Self {
        let memory = field("/proc/meminfo", "MemTotal:");
        let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            processor: field("/proc/cpuinfo", "model name\t:"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: format!("{:.0} GiB", memory / 1024.0 / 1024.0),
            system: field("/etc/os-release", "PRETTY_NAME=")
                .trim_matches('"')
                .to_owned(),
            kernel: said("uname", &["-sr"]),
            rust: said("rustc", &["--version"]),
            postgres: format!(
                "{} with {}",
                said(psql.to_string_lossy().as_ref(), &["--version"]),
                NOT_DURABLE.join(", ")
            ),
            profile: changes(profile),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "date": self.date,
            "processor": self.processor,
            "cores": self.cores,
            "memory": self.memory,
            "system": self.system,
            "kernel": self.kernel,
            "rust": self.rust,
            "postgres": self.postgres,
            "profile": self.profile,
        })
    }

    /// Whether it is of the kind that was written down.
    pub(super) fn is_like(&self, other: &Value) -> bool {
        let now = self.json();
        ["processor", "cores", "memory"]
            .iter()
            .all(|key| now[key] == other[key])
    }

    /// One sentence.
    pub(super) fn describe(&self) -> String {
        let Self {
            date,
            processor,
            cores,
            memory,
            system,
            kernel,
            rust,
            postgres,
            profile,
        } = self;
        let changed = if profile.is_empty() {
            String::new()
        } else {
            format!(" Not as shipped: built with {}.", profile.join(" "))
        };
        format!(
            "{date}: {processor}, {cores} cores, {memory}; {system}, {kernel}; {rust}; {postgres}.{changed}"
        )
    }
}

/// What makes the binaries other than they are shipped.
pub(super) fn changes(profile: Profile) -> Vec<String> {
    let quick = (profile == Profile::Quick).then(|| "--quick".to_owned());
    let changed = std::env::vars()
        .filter(|(key, _)| key.starts_with("CARGO_PROFILE_") || key == "RUSTFLAGS")
        .map(|(key, value)| format!("{key}={value}"));
    quick.into_iter().chain(changed).collect()
}

/// What stands behind a key in a file of lines.
fn field(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    value.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}

//! A Prometheus of the check's own, which knows the rules with less patience.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::scaled::scaled;
use crate::cargo::program;
use crate::context::Context;
use crate::http;
use crate::process::{self, Child};
use crate::tools;

const START_LIMIT: Duration = Duration::from_secs(30);

/// What is scraped: a name, and the ports of its instances.
pub(super) type Job = (&'static str, Vec<u16>);

/// A running Prometheus; dropped, it is gone with its data.
pub(super) struct Prometheus {
    port: u16,
    // In this order: it stops before its folder goes.
    _process: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these once a second.
    pub(super) fn start(cx: &Context<'_>, jobs: &[Job]) -> Result<Self> {
        let folder = TempDir::with_prefix("strata-prometheus-")?;
        let rules = cx
            .repo()
            .template()
            .join("observability/prometheus/rules.yaml");
        fs::write(
            folder.path().join("rules.yaml"),
            scaled(&fs::read_to_string(rules)?)?,
        )?;
        let configuration = serde_json::to_string(&configuration(jobs))?;
        // JSON is YAML, too.
        fs::write(folder.path().join("prometheus.yaml"), configuration)?;
        let port = http::free_port()?;
        let output = File::options().create(true).append(true).open(&cx.log)?;
        let mut command = program(tools::prometheus(cx)?, folder.path());
        command
            .args([
                "--config.file=prometheus.yaml",
                "--storage.tsdb.path=data",
                // Five minutes, shorter by as much as the rules' durations.
                "--query.lookback-delta=10s",
                "--log.level=warn",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut process = Child::spawn(&mut command)?;
        let deadline = Instant::now() + START_LIMIT;
        while !http::get(port, "/-/ready").is_ok_and(|(status, _)| status == 200) {
            if process.status()?.is_some() || Instant::now() > deadline {
                bail!("Prometheus does not start; see {}", cx.log.display());
            }
            process::pause(Duration::from_millis(100))?;
        }
        Ok(Self {
            port,
            _process: process,
            _folder: folder,
        })
    }

    /// The labels of the alerts that are firing.
    pub(super) fn firing(&self) -> Result<Vec<Value>> {
        let data = self.ask("/api/v1/alerts")?;
        let alerts = data["alerts"].as_array().context("no list of alerts")?;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        Ok(firing.map(|alert| alert["labels"].clone()).collect())
    }

    /// How many series an expression yields.
    pub(super) fn count(&self, expression: &str) -> Result<usize> {
        let data = self.ask(&format!("/api/v1/query?query={}", encoded(expression)))?;
        let result = data["result"].as_array().context("no list of series")?;
        Ok(result.len())
    }

    fn ask(&self, path: &str) -> Result<Value> {
        let (_, body) = http::get(self.port, path)?;
        let mut answer: Value = serde_json::from_str(&body)?;
        if answer["status"] != "success" {
            bail!("Prometheus answers {path} with {body}");
        }
        Ok(answer["data"].take())
    }
}

fn configuration(jobs: &[Job]) -> Value {
    let scrapes = jobs.iter().map(|(name, ports)| {
        let targets: Vec<_> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        serde_json::json!({ "job_name": name, "static_configs": [{ "targets": targets }] })
    });
    serde_json::json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": ["rules.yaml"],
        "scrape_configs": scrapes.collect::<Vec<_>>(),
    })
}

/// As a part of a URL.
fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

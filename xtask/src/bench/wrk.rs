//! The load: wrk, on one thread, with a script of ours that says what it counted.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::cargo::program;
use crate::context::Context;
use crate::packages;

/// Requests under way at a time.
pub(super) const CONNECTIONS: u32 = 64;

/// wrk with its script.
pub(super) struct Wrk {
    binary: PathBuf,
    script: PathBuf,
    /// In which users were created.
    runs: Cell<u32>,
}

/// What wrk's script sends; see there.
#[derive(Debug, Clone)]
pub(super) enum Requests {
    Same,
    /// The path with a line of this file behind it.
    Each(PathBuf),
    /// Users, each with an address of its own.
    New,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) requests: f64,
    pub(super) seconds: f64,
    pub(super) p99_ms: f64,
}

impl Wrk {
    /// Finds or installs it.
    pub(super) fn provide(cx: &Context<'_>) -> Result<Self> {
        let by_hand = "wrk is needed to measure (Debian, Ubuntu: `apt-get install wrk`)";
        if packages::find_program("wrk").is_none() {
            packages::install(&["wrk"], by_hand, |command| {
                Ok(cx.execute(command)?.success())
            })?;
        }
        Ok(Self {
            binary: packages::find_program("wrk").context(by_hand)?,
            script: cx.repo().root().join("bench/load.lua"),
            runs: Cell::new(0),
        })
    }

    /// Sends requests to a URL for a while; fails unless each is answered well.
    pub(super) fn run(
        &self,
        cx: &Context<'_>,
        url: &str,
        requests: &Requests,
        time: Duration,
    ) -> Result<Measured> {
        let mut command = program(&self.binary, cx.repo().root());
        command
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args([
                "--duration",
                &format!("{}s", time.as_secs()),
                "--timeout",
                "30s",
            ])
            .arg("--script")
            .arg(&self.script)
            .args([url, "--"]);
        match requests {
            Requests::Same => command.arg("same"),
            Requests::Each(file) => command.arg("each").arg(file),
            Requests::New => {
                // What was under way when the last run ended may still come.
                self.runs.set(self.runs.get() + 1);
                command.args(["new", &format!("run{}", self.runs.get())])
            }
        };
        let (status, said) = cx.output(&mut command)?;
        let measured = said.lines().find_map(|line| line.strip_prefix("measured "));
        let measured = measured
            .filter(|_| status.success())
            .with_context(|| format!("wrk: {said}"))?;
        let number = |name: &str| -> Result<f64> {
            let words = measured.split(' ').filter_map(|word| word.split_once('='));
            let mut named = words.filter(|(key, _)| *key == name);
            Ok(named
                .next()
                .context("wrk's script says too little")?
                .1
                .parse()?)
        };
        for wrong in ["refused", "broken"] {
            let count = number(wrong)?;
            ensure!(count == 0.0, "{count} requests of {url} were {wrong}");
        }
        Ok(Measured {
            requests: number("requests")?,
            seconds: number("microseconds")? / 1e6,
            p99_ms: number("p99")? / 1e3,
        })
    }
}

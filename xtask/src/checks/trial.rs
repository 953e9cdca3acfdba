//! `try/*`: the first minute.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::context::Context;
use crate::http;
use crate::process::{self, Child};

const TRY: &str = "cargo xtask try";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "try/first-minute",
            20,
            "`cargo xtask try` ends with the address of a page that is there; Ctrl-C leaves nothing",
            first_minute,
        )
        .typing(&[TRY]),
        check(
            "try/interrupted",
            5,
            "`cargo xtask try`, stopped while it builds, leaves nothing behind",
            interrupted,
        ),
        check(
            "try/port-taken",
            5,
            "`cargo xtask try --port` with a taken port says so, at once",
            port_taken,
        ),
    ]
}

/// This tool, trying the template, with a folder for temporary files in which nothing may be left.
struct Trial {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Trial {
    fn start(cx: &Context<'_>, temporary: &Path, arguments: &[&str]) -> Result<Self> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&cx.log)?;
        let mut command = cx.typed(TRY, cx.repo().root(), &[]);
        command.args(arguments).env("TMPDIR", temporary);
        let mut child = Child::spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log),
        )?
        // longer than it gives the service that it started, which is in a group of its own
        .stopped_by(Signal::SIGTERM, Duration::from_secs(30));
        let stdout = child
            .take_stdout()
            .context("the trial has no standard output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            lines,
            seen: Vec::new(),
        })
    }

    /// Reads until a line contains `text`.
    fn line_with(&mut self, cx: &Context<'_>, text: &str) -> Result<String> {
        loop {
            process::check_interrupted()?;
            match self.lines.recv_timeout(Duration::from_millis(200)) {
                Ok(line) => {
                    cx.note(&line)?;
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() < cx.deadline => {}
                Err(RecvTimeoutError::Timeout) => bail!("no line with {text:?} in time"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended without a line with {text:?}")
                }
            }
        }
    }

    /// Sends a signal; returns how it ended, and what it printed afterwards.
    fn end(mut self, signal: Signal) -> Result<(Option<i32>, Vec<String>)> {
        self.child.signal(signal);
        let status = self
            .child
            .wait(Instant::now() + Duration::from_mins(1), || {})?;
        Ok((status.code(), self.lines.iter().collect()))
    }
}

fn first_minute(cx: &Context<'_>) -> Outcome {
    let what = "`cargo xtask try`";
    let temporary = tempfile::TempDir::with_prefix("strata-check-")?;
    let mut trial = Trial::start(cx, temporary.path(), &[])?;
    let last = trial
        .line_with(cx, "/docs")
        .map_err(|error| Failure::new(error.to_string(), what))?;
    let address = last
        .split_whitespace()
        .last()
        .unwrap_or_default()
        .to_owned();
    let port: u16 = address
        .trim_end_matches("/docs")
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .context("the last line names no port")?;

    let (status, page) = http::get(port, "/docs/")?;
    if status != 200 || !page.to_lowercase().contains("swagger") {
        return Err(
            Failure::new("the address in the last line is no Swagger UI", what)
                .at(format!("{address}: {status}")),
        );
    }
    let (status, users) = http::get(port, "/api/v1/users?limit=100")?;
    let users: serde_json::Value = serde_json::from_str(&users)?;
    let count = users["items"].as_array().map_or(0, Vec::len);
    if status != 200 || count != 25 {
        return Err(Failure::new("the example users are not there", what)
            .at(format!("/api/v1/users: {status}, {count} users")));
    }

    let (code, rest) = trial.end(Signal::SIGINT)?;
    if code != Some(0) || rest.iter().any(|line| line.contains("http")) {
        return Err(Failure::new("Ctrl-C does not end it well", what)
            .at(format!("exit code {code:?}, then {rest:?}")));
    }
    if !http::is_free(port) {
        return Err(Failure::new("the service is still there", what).at(address));
    }
    nothing_is_left(temporary.path(), what)
}

fn interrupted(cx: &Context<'_>) -> Outcome {
    let what = "`cargo xtask try`, which got SIGTERM while it built";
    let temporary = tempfile::TempDir::with_prefix("strata-check-")?;
    let mut trial = Trial::start(cx, temporary.path(), &["--name", "interrupted-svc"])?;
    trial
        .line_with(cx, "building")
        .map_err(|error| Failure::new(error.to_string(), what))?;
    let (code, _) = trial.end(Signal::SIGTERM)?;
    if code != Some(130) {
        return Err(Failure::new("it does not say that it was stopped", what)
            .at(format!("exit code {code:?}")));
    }
    nothing_is_left(temporary.path(), what)
}

fn port_taken(cx: &Context<'_>) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port().to_string();
    let what = format!("`cargo xtask try --port {port}`, where somebody listens");
    let temporary = tempfile::TempDir::with_prefix("strata-check-")?;
    let mut trial = Trial::start(cx, temporary.path(), &["--port", &port])?;
    let status = trial
        .child
        .wait(Instant::now() + Duration::from_mins(1), || {})?;
    let said = std::fs::read_to_string(&cx.log)?;
    if status.success() || !said.contains(&port) || !said.contains("--port") {
        return Err(Failure::new("a taken port has no clear message", what).at(said.trim()));
    }
    nothing_is_left(temporary.path(), &what)
}

fn nothing_is_left(temporary: &Path, what: &str) -> Outcome {
    match std::fs::read_dir(temporary)?.next() {
        Some(entry) => {
            Err(Failure::new("something is left behind", what)
                .at(entry?.path().display().to_string()))
        }
        None => Ok(()),
    }
}

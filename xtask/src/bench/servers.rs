//! The servers, and how each is started.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use tempfile::NamedTempFile;

use super::usage::Group;
use crate::http;
use crate::process::{self, Child};

/// Until a server that was started answers.
const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether it does.
const GLANCE: Duration = Duration::from_millis(1);

/// What is measured side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The generated service.
    Service,
    /// The same answers from axum and tokio-postgres, with nothing around them.
    Bare,
    /// FastAPI and asyncpg, with nothing around them.
    FastApi,
    /// The same with the middleware that a service in production has.
    FastApiProduction,
    /// FastAPI and SQLAlchemy, with nothing around them.
    FastApiSqlalchemy,
}

impl Who {
    pub(super) const ALL: [Self; 5] = [
        Self::Service,
        Self::Bare,
        Self::FastApi,
        Self::FastApiProduction,
        Self::FastApiSqlalchemy,
    ];

    /// Its name among the samples.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Bare => "bare",
            Self::FastApi => "fastapi",
            Self::FastApiProduction => "fastapi-production",
            Self::FastApiSqlalchemy => "fastapi-sqlalchemy",
        }
    }

    /// What it is, for people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Service => "the generated service, everything on",
            Self::Bare => "bare axum + tokio-postgres",
            Self::FastApi => "FastAPI + asyncpg, bare",
            Self::FastApiProduction => "FastAPI + asyncpg, the same middleware",
            Self::FastApiSqlalchemy => "FastAPI + SQLAlchemy, bare",
        }
    }

    /// Whether it logs a line for each request; the others log nothing.
    pub(super) fn logs_requests(self) -> bool {
        matches!(self, Self::Service | Self::FastApiProduction)
    }
}

/// A server that answers; dropped, it is stopped.
pub(super) struct Server {
    // In this order: who reads what it logs has to outlive it.
    child: Child,
    lines: Option<Lines>,
    port: u16,
    /// From the start to the first answer.
    pub(super) started_in: Duration,
}

/// Who reads a server's log, line by line: `wc`, which costs next to nothing.
struct Lines {
    reader: Child,
    count: NamedTempFile,
}

impl Server {
    /// Starts a command that serves on `port`, as `SERVER_PORT` tells it, until it answers `path` on the port `asked` with 200. Its log is
    /// read from a pipe if it has a line for each request.
    pub(super) fn start(
        mut command: Command,
        port: u16,
        (asked, path): (u16, &str),
        log: &Path,
        logs_requests: bool,
    ) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        command
            .env("SERVER_PORT", port.to_string())
            .stderr(output.try_clone()?);
        if logs_requests {
            command.stdout(Stdio::piped());
        } else {
            command.stdout(output);
        }
        let begun = Instant::now();
        let mut child = Child::spawn(&mut command)?.stopped_by(Signal::SIGTERM, STOP_LIMIT);
        let lines = child.take_stdout().map(Lines::of).transpose()?;
        loop {
            if http::get(asked, path).is_ok_and(|(status, _)| status == 200) {
                let started_in = begun.elapsed();
                return Ok(Self {
                    child,
                    lines,
                    port,
                    started_in,
                });
            }
            if let Some(status) = child.status()? {
                bail!(
                    "a server ended while it started ({status}); see {}",
                    log.display()
                );
            }
            if begun.elapsed() >= START_LIMIT {
                bail!(
                    "a server was not ready within {} s; see {}",
                    START_LIMIT.as_secs(),
                    log.display()
                );
            }
            process::pause(GLANCE)?;
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its processes.
    pub(super) fn group(&self) -> Group {
        Group(self.child.id())
    }

    /// Stops it; returns how many lines it logged, if somebody counted them.
    pub(super) fn stop(mut self) -> Result<Option<u64>> {
        self.child
            .stop()
            .context("the server could not be stopped")?;
        self.lines.map(Lines::end).transpose()
    }
}

impl Lines {
    fn of(output: std::process::ChildStdout) -> Result<Self> {
        let count = NamedTempFile::new()?;
        let mut reader = Command::new("wc");
        reader.arg("--lines").stdin(output).stdout(count.reopen()?);
        Ok(Self {
            reader: Child::spawn(&mut reader)?,
            count,
        })
    }

    fn end(mut self) -> Result<u64> {
        let status = self.reader.wait(Instant::now() + STOP_LIMIT, || {})?;
        ensure!(status.success(), "wc fails");
        let count = std::fs::read_to_string(self.count.path())?;
        count.trim().parse().context("wc counts in numbers")
    }
}

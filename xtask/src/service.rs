//! A service that this tool starts, talks to and stops.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::cargo::program;
use crate::http;
use crate::process::{self, Child};

/// Until a service that has just been started is ready; it may have to migrate first.
const START_LIMIT: Duration = Duration::from_mins(1);
/// A service may finish what is under way for 25 s; nothing is, here.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A binary of the template's, with the folder it works in and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    /// Where it runs: SQLite's file is made here.
    pub(crate) folder: PathBuf,
    pub(crate) settings: Vec<(String, OsString)>,
}

impl Binary {
    pub(crate) fn setting(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// A command of it.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = program(&self.path, &self.folder);
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// Serves on a port; returns when it is ready. What it prints goes to `log`.
    pub(crate) fn serve(&self, port: u16, log: &Path) -> Result<Service> {
        serve(self.command(["serve"]), port, port, log)
    }
}

/// Starts a command that serves, on a port; returns when it is ready, as another port may say. What it prints goes to `log`.
pub(crate) fn serve(
    mut command: Command,
    port: u16,
    management: u16,
    log: &Path,
) -> Result<Service> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    command
        .env("SERVER_PORT", port.to_string())
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut child = Child::spawn(&mut command)?.stopped_by(Signal::SIGTERM, STOP_LIMIT);
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(status) = child.status()? {
            bail!("the service ended while it started ({status})");
        }
        if http::get(management, "/readyz").is_ok_and(|(status, _)| status == 200) {
            return Ok(Service { child, port });
        }
        if Instant::now() >= deadline {
            bail!(
                "the service was not ready within {} s",
                START_LIMIT.as_secs()
            );
        }
        process::pause(Duration::from_millis(50))?;
    }
}

/// A service that is ready; dropped, it is stopped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    port: u16,
}

impl Service {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns when the service ends by itself; until then only a signal to this tool gets out of here.
    pub(crate) fn wait(&mut self) -> Result<()> {
        loop {
            if let Some(status) = self.child.status()? {
                bail!("the service ended ({status})");
            }
            process::pause(Duration::from_millis(100))?;
        }
    }

    /// Stops it as an orchestrator would; it has to end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        match self.child.stop() {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("on SIGTERM the service ended with {status}"),
            None => bail!("the service could not be stopped"),
        }
    }
}

//! Children: each in a process group of its own, so that one signal ends it with everything it started.
//!
//! A signal to this tool only sets a flag. Whoever waits for a child sees the flag, ends the child's group and fails with
//! [`Interrupted`]; on the way out, guards stop services and remove folders. So nothing is left behind, wherever it comes.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often a waiting loop looks.
const GLANCE: Duration = Duration::from_millis(20);

/// Somebody pressed Ctrl-C, or sent SIGTERM or SIGHUP.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// A child took longer than it may.
#[derive(Debug)]
pub(crate) struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("took longer than it may, and was stopped")
    }
}

impl std::error::Error for TimedOut {}

/// From now on SIGINT, SIGTERM and SIGHUP make every wait fail with [`Interrupted`] instead of killing this process.
pub(crate) fn watch_for_signals() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .context("cannot handle signals")
}

/// Fails if somebody asked this tool to stop.
pub(crate) fn check_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// Sleeps, unless somebody asks this tool to stop.
pub(crate) fn pause(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check_interrupted()?;
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => sleep(left.min(GLANCE)),
            _ => return Ok(()),
        }
    }
}

/// A running child and its group; dropped, it is stopped.
#[derive(Debug)]
pub(crate) struct Child {
    inner: std::process::Child,
    finished: Option<ExitStatus>,
    /// What asks it to stop.
    stop_signal: Signal,
    /// How long it may take to stop, until it is killed.
    grace: Duration,
}

impl Child {
    /// Starts it in a group of its own.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        check_interrupted()?;
        let program = command.get_program().to_string_lossy().into_owned();
        let inner = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self {
            inner,
            finished: None,
            stop_signal: Signal::SIGTERM,
            grace: Duration::from_secs(5),
        })
    }

    /// Changes how it is stopped.
    pub(crate) fn stopped_by(mut self, signal: Signal, grace: Duration) -> Self {
        self.stop_signal = signal;
        self.grace = grace;
        self
    }

    /// Its number, which is that of its group, too.
    pub(crate) fn id(&self) -> u32 {
        self.inner.id()
    }

    /// The standard input and output, if both are piped and nobody took them yet.
    pub(crate) fn take_pipes(
        &mut self,
    ) -> Option<(std::process::ChildStdin, std::process::ChildStdout)> {
        Some((self.inner.stdin.take()?, self.inner.stdout.take()?))
    }

    /// The standard output, if it is piped and nobody took it yet.
    pub(crate) fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.inner.stdout.take()
    }

    /// Whether it has ended, and how.
    pub(crate) fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.finished.is_none() {
            self.finished = self.inner.try_wait()?;
            if self.finished.is_some() {
                self.signal(Signal::SIGKILL); // whatever it started and left behind
            }
        }
        Ok(self.finished)
    }

    /// Waits for its end; past the deadline, or if this tool is asked to stop, it is stopped. `glance` is called all along.
    pub(crate) fn wait(
        &mut self,
        deadline: Instant,
        mut glance: impl FnMut(),
    ) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            if INTERRUPTED.load(Ordering::SeqCst) {
                self.stop();
                return Err(Interrupted.into());
            }
            if Instant::now() >= deadline {
                self.stop();
                return Err(TimedOut.into());
            }
            glance();
            sleep(GLANCE);
        }
    }

    /// Asks it to stop, and kills it if it does not; returns how it ended.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        self.signal(self.stop_signal);
        let end = Instant::now() + self.grace;
        while self.status().ok()?.is_none() {
            if Instant::now() >= end {
                self.signal(Signal::SIGKILL);
                self.finished = self.inner.wait().ok();
                break;
            }
            sleep(GLANCE);
        }
        self.finished
    }

    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.inner.id()) {
            // It fails only when nobody is left in the group.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.finished.is_none() {
            self.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Child::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_child_that_takes_too_long_is_stopped_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let mut child = shell(&format!(
            "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
            pid_file.display()
        ));
        while !pid_file.exists() {
            sleep(GLANCE);
        }
        let error = child.wait(Instant::now(), || {}).unwrap_err();
        assert!(error.is::<TimedOut>(), "{error}");
        let sleeper: i32 = std::fs::read_to_string(pid_file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        // The signal takes effect in its own time, and init reaps the orphan in its own: a zombie has ended, too.
        let has_ended = || {
            let state =
                std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !has_ended() {
            assert!(Instant::now() < deadline, "what the child started lives on");
            sleep(GLANCE);
        }
    }

    #[test]
    fn a_child_that_ignores_the_request_to_stop_is_killed() {
        let mut child = shell("trap '' TERM; while :; do sleep 1; done")
            .stopped_by(Signal::SIGTERM, Duration::from_millis(200));
        let status = child.stop().unwrap();
        assert!(!status.success());
    }

    #[test]
    fn waiting_returns_how_the_child_ended() {
        let status = shell("exit 3")
            .wait(Instant::now() + Duration::from_mins(1), || {})
            .unwrap();
        assert_eq!(status.code(), Some(3));
    }
}

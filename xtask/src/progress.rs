//! How far a build is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::process::Child;

/// Between two lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// `2m48s`, `7.3s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1}s", time.as_secs_f32())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

/// Builds the one binary of a project, drawing how many of the units are done; returns the binary.
///
/// `cargo` makes a cargo command in the project's folder. What the compiler says goes to `log`.
pub(crate) fn build(
    cargo: impl Fn(&[&str]) -> Command,
    log: &Path,
    deadline: Instant,
) -> Result<PathBuf> {
    let begun = Instant::now();
    let expected = count_units(&cargo, log, deadline)?;
    let mut command = cargo(&["build", "--message-format=json-render-diagnostics"]);
    command
        .stdout(Stdio::piped())
        .stderr(File::options().create(true).append(true).open(log)?);
    let mut child = Child::spawn(&mut command)?;
    let stdout = child
        .take_stdout()
        .context("cargo has no standard output")?;

    let done = Arc::new(AtomicU64::new(0));
    let binary = Arc::new(Mutex::new(None));
    let reader = std::thread::spawn({
        let (done, binary) = (Arc::clone(&done), Arc::clone(&binary));
        move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                if matches!(
                    message["reason"].as_str(),
                    Some("compiler-artifact" | "build-script-executed")
                ) {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                if let (Some(path), Ok(mut binary)) =
                    (message["executable"].as_str(), binary.lock())
                {
                    *binary = Some(PathBuf::from(path));
                }
            }
        }
    });

    let mut display = Display::new(expected, begun);
    let status = child.wait(deadline, || display.show(done.load(Ordering::Relaxed)))?;
    let _ = reader.join();
    display.finish(done.load(Ordering::Relaxed));
    if !status.success() {
        bail!("the build failed");
    }
    let binary = binary.lock().ok().and_then(|mut binary| binary.take());
    binary.context("cargo built no binary")
}

struct Display {
    bar: Option<ProgressBar>,
    expected: u64,
    begun: Instant,
    last_line: Instant,
}

impl Display {
    fn new(expected: u64, begun: Instant) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(expected),
                indicatif::ProgressDrawTarget::stdout(),
            );
            let style = ProgressStyle::with_template("  building    {bar:24} {pos}/{len}  {msg}");
            bar.set_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸ "),
            );
            bar
        });
        if bar.is_none() {
            println!("  building    {expected} units");
        }
        Self {
            bar,
            expected,
            begun,
            last_line: Instant::now(),
        }
    }

    fn show(&mut self, done: u64) {
        let took = duration(self.begun.elapsed());
        if let Some(bar) = &self.bar {
            // An estimate: never show 360 of 359.
            self.expected = self.expected.max(done);
            bar.set_length(self.expected);
            bar.set_message(took);
            bar.set_position(done);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            println!("              {done}/{}  {took}", self.expected.max(done));
        }
    }

    fn finish(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        println!(
            "  building    {} {done}/{done}  {}",
            "━".repeat(24),
            duration(self.begun.elapsed())
        );
    }
}

/// How many messages cargo will send: one for each library, binary and build script, and one for each script's run.
///
/// Cargo has no stable way to ask for its units. `cargo tree` knows which packages are compiled, and which of them twice
/// because the build needs other features of them than the target; `cargo metadata` knows what a package consists of.
fn count_units(cargo: &impl Fn(&[&str]) -> Command, log: &Path, deadline: Instant) -> Result<u64> {
    let ask = |arguments: &[&str]| -> Result<String> {
        let file = tempfile::NamedTempFile::new()?;
        let mut command = cargo(arguments);
        command
            .stdout(file.reopen()?)
            .stderr(File::options().create(true).append(true).open(log)?);
        if !Child::spawn(&mut command)?.wait(deadline, || {})?.success() {
            bail!("cargo cannot read the project");
        }
        Ok(std::fs::read_to_string(file.path())?)
    };
    let tree = ask(&[
        "tree",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p} [{f}]",
    ])?;
    let version = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not name its host")?;
    let metadata = ask(&[
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ])?;
    Ok(units(&tree, &serde_json::from_str(&metadata)?))
}

fn units(tree: &str, metadata: &Value) -> u64 {
    // `name v1.2.3 (proc-macro) [features] (*)`; the last mark says that it was named before.
    let compiled: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut units = 0;
    for package in list(&metadata["packages"]) {
        let name = format!(
            "{} v{} ",
            package["name"].as_str().unwrap_or_default(),
            package["version"].as_str().unwrap_or_default()
        );
        let times = compiled
            .iter()
            .filter(|line| line.starts_with(&name))
            .count() as u64;
        let is_root = package["id"] == metadata["resolve"]["root"];
        for kind in list(&package["targets"])
            .iter()
            .flat_map(|target| list(&target["kind"]))
        {
            units += times
                * match kind.as_str() {
                    Some("custom-build") => 2,
                    Some("lib" | "rlib" | "proc-macro") => 1,
                    Some("bin") if is_root => 1,
                    _ => 0,
                };
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_as_often_as_it_is_compiled() {
        let tree = "me v0.1.0 (/somewhere/me) [default]\ndep v1.0.0 [std]\nmac v2.0.0 (proc-macro) []\n\ndep v1.0.0 []\ndep v1.0.0 [std] (*)\n";
        let metadata = serde_json::json!({
            "packages": [
                { "id": "1", "name": "me", "version": "0.1.0", "targets": [{ "kind": ["lib"] }, { "kind": ["bin"] }, { "kind": ["test"] }] },
                { "id": "2", "name": "dep", "version": "1.0.0", "targets": [{ "kind": ["lib"] }, { "kind": ["custom-build"] }, { "kind": ["bin"] }] },
                { "id": "3", "name": "mac", "version": "2.0.0", "targets": [{ "kind": ["proc-macro"] }] },
                { "id": "4", "name": "dev", "version": "1.0.0", "targets": [{ "kind": ["lib"] }] },
            ],
            "resolve": { "root": "1" },
        });
        assert_eq!(units(tree, &metadata), 2 + 2 * 3 + 1);
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(7340)), "7.3s");
        assert_eq!(duration(Duration::from_secs(168)), "2m48s");
    }
}

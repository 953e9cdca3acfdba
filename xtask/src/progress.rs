//! How far a build is.

use std::collections::BTreeSet;
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
    command.stdout(Stdio::piped()).stderr(
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?,
    );
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
            // The estimate knows nothing of packages that are compiled twice: for the build and for the target.
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
fn count_units(cargo: &impl Fn(&[&str]) -> Command, log: &Path, deadline: Instant) -> Result<u64> {
    let host = {
        let output = Command::new("rustc")
            .arg("-vV")
            .output()
            .context("cannot start rustc")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc does not name its host")?
            .to_owned()
    };
    let file = tempfile::NamedTempFile::new()?;
    let mut command = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        &host,
    ]);
    command.stdout(file.reopen()?).stderr(
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?,
    );
    if !Child::spawn(&mut command)?.wait(deadline, || {})?.success() {
        bail!("cargo cannot read the project");
    }
    let metadata: Value = serde_json::from_slice(&std::fs::read(file.path())?)?;
    Ok(units(&metadata))
}

fn units(metadata: &Value) -> u64 {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let mut reached = BTreeSet::new();
    let mut next: Vec<String> = metadata["resolve"]["root"]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    while let Some(id) = next.pop() {
        if reached.insert(id.clone()) {
            for dependency in nodes
                .iter()
                .filter(|node| node["id"] == id.as_str())
                .flat_map(|node| list(&node["deps"]))
            {
                if list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"] != "dev")
                {
                    next.extend(dependency["pkg"].as_str().map(str::to_owned));
                }
            }
        }
    }
    let mut units = 0;
    for package in list(&metadata["packages"]) {
        if !package["id"]
            .as_str()
            .is_some_and(|id| reached.contains(id))
        {
            continue;
        }
        let is_root = package["id"] == metadata["resolve"]["root"];
        for target in list(&package["targets"]) {
            for kind in list(&target["kind"]) {
                units += match kind.as_str() {
                    Some("custom-build") => 2,
                    Some("lib" | "rlib" | "proc-macro") => 1,
                    Some("bin") if is_root => 1,
                    _ => 0,
                };
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_for_what_is_reached_without_dev_dependencies() {
        let metadata = serde_json::json!({
            "packages": [
                { "id": "me", "targets": [{ "kind": ["lib"] }, { "kind": ["bin"] }, { "kind": ["test"] }] },
                { "id": "dep", "targets": [{ "kind": ["lib"] }, { "kind": ["custom-build"] }, { "kind": ["bin"] }] },
                { "id": "dev", "targets": [{ "kind": ["lib"] }] },
            ],
            "resolve": { "root": "me", "nodes": [
                { "id": "me", "deps": [
                    { "pkg": "dep", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "dev", "dep_kinds": [{ "kind": "dev" }] },
                ] },
                { "id": "dep", "deps": [] },
                { "id": "dev", "deps": [] },
            ] },
        });
        assert_eq!(units(&metadata), 2 + 3);
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(7340)), "7.3s");
        assert_eq!(duration(Duration::from_secs(168)), "2m48s");
    }
}

//! What a developer waits for, and what is delivered. In a folder of its own, where nothing is compiled yet.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::stage::Stage;
use crate::cargo::{cargo, program};
use crate::runner::say;

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    let project = &stage.service.folder;
    let scratch = TempDir::with_prefix("strata-bench-builds-")?;
    let in_scratch = |arguments: &[&str]| {
        let mut command = cargo(project, arguments.iter().copied());
        command
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_BUILD_BUILD_DIR", scratch.path())
            .env("CARGO_TARGET_DIR", scratch.path().join("target"));
        command
    };
    timed(stage, &mut in_scratch(&["fetch", "--locked"]))?; // the network is not what is measured
    say("  builds      cold");
    samples.add(
        "builds/cold",
        timed(stage, &mut in_scratch(&["build", "--locked"]))?,
    );
    for _ in 0..pace.rounds {
        File::options()
            .append(true)
            .open(project.join("src/routes/users.rs"))?
            .set_modified(SystemTime::now())?;
        say("  builds      after one route was touched");
        samples.add(
            "builds/incremental",
            timed(stage, &mut in_scratch(&["build", "--locked"]))?,
        );
    }
    samples.add("builds/stripped", stripped(stage, scratch.path())?);
    Ok(())
}

/// The seconds that a command takes.
fn timed(stage: &Stage<'_>, command: &mut Command) -> Result<f64> {
    let begun = Instant::now();
    let status = stage.cx.execute(command)?;
    ensure!(
        status.success(),
        "cargo fails; see {}",
        stage.cx.log.display()
    );
    Ok(begun.elapsed().as_secs_f64())
}

/// The size of what is delivered, without what is only for debuggers, in megabytes.
fn stripped(stage: &Stage<'_>, folder: &Path) -> Result<f64> {
    let file = folder.join("stripped");
    let mut strip = program("strip", folder);
    strip.arg("-o").arg(&file).arg(&stage.service.path);
    let status = stage.cx.execute(&mut strip)?;
    ensure!(
        status.success(),
        "strip fails; see {}",
        stage.cx.log.display()
    );
    let size = fs::metadata(&file).context("strip writes a file")?.len();
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes")]
    Ok(size as f64 / 1e6)
}

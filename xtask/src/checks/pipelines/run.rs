//! `ci/run`: the commands of the pipelines, carried out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::commands::{Step, of_github, of_gitlab};
use super::{FOR_THE_MACHINE, with_pipeline};
use crate::cargo::program;
use crate::check::{Failure, Outcome};
use crate::checks::delivered::path_with;
use crate::checks::{policy, readme};
use crate::context::Context;
use crate::generate::Request;
use crate::tools;

/// The job that an owner fills in; as it comes it fails.
pub(super) const TO_FILL_IN: &str = "deploy";
/// What it says then.
const NOTHING_WAS_DEPLOYED: &str = "Nothing was deployed";

/// What git calls the default branch of these projects: nothing may rely on `main`.
const DEFAULT_BRANCH: &str = "trunk";
/// How git learns which one that is, as docs/checks.md has it.
pub(super) const LEARN_DEFAULT_BRANCH: &str = "git remote set-head origin --auto";

/// Programs that can't do their work here. They write down how they are called instead.
pub(in crate::checks) struct StandIns {
    folder: TempDir,
}

impl StandIns {
    pub(in crate::checks) fn of(programs: &[&str]) -> Result<Self> {
        let folder = TempDir::with_prefix("strata-stand-ins-")?;
        for name in programs {
            let file = folder.path().join(name);
            fs::write(
                &file,
                "#!/bin/sh\necho \"${0##*/} $*\" >> \"${0%/*}/calls\"\n",
            )?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { folder })
    }

    /// One of them, for a search path.
    pub(in crate::checks) fn program(&self) -> PathBuf {
        self.folder.path().join("calls")
    }

    pub(in crate::checks) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

/// The project in which the commands are carried out, with a history, and an origin that has the same.
pub(in crate::checks) fn project(cx: &Context<'_>) -> Result<PathBuf, Failure> {
    let project = cx.project(&Request::new("ci-svc").ci("github"))?;
    readme::start_history(cx, &project)?;
    for arguments in [
        &["branch", "--move", DEFAULT_BRANCH][..],
        &["remote", "add", "origin", "."],
        &["fetch", "--quiet", "origin"],
    ] {
        cx.step(program("git", &project).args(arguments), "git fails")?;
    }
    let mut learn = cx.typed(LEARN_DEFAULT_BRANCH, &project, &[]);
    cx.step(&mut learn, "git does not learn the default branch")?;
    Ok(project)
}

/// What git says about the project.
fn asked(cx: &Context<'_>, project: &Path, arguments: &str) -> Result<String> {
    let (_, said) = cx.output(program("git", project).args(arguments.split(' ')))?;
    Ok(said.trim().to_owned())
}

/// How Docker is called where the image is built: it can say what it is of.
pub(in crate::checks) fn image_build(cx: &Context<'_>, project: &Path) -> Result<String> {
    let version = asked(cx, project, "describe --tags --always --dirty")?;
    let revision = asked(cx, project, "rev-parse HEAD")?;
    Ok(format!(
        "docker build --tag service --build-arg VERSION={version} --build-arg REVISION={revision} ."
    ))
}

pub(super) fn pipelines_run(cx: &Context<'_>) -> Outcome {
    let project = project(cx)?;
    let steps = of_github(cx, &project)?;
    let stand_ins = StandIns::of(&[&FOR_THE_MACHINE[..], &["docker"]].concat())?;
    for step in &steps {
        cx.note(&format!("\n{}", step.place))?;
        run_step(cx, &project, step, &stand_ins)?;
    }

    // What GitHub's runners bring, GitLab's machines have to be given; all other commands are the same (`ci/commands`).
    let gitlab = with_pipeline(cx, "gitlab")?;
    let brings = |step: &Step| {
        FOR_THE_MACHINE
            .iter()
            .any(|name| step.script.starts_with(name))
    };
    for step in of_gitlab(cx, gitlab.path())?
        .iter()
        .filter(|step| brings(step))
    {
        run_step(cx, &project, step, &stand_ins)?;
    }

    let calls = stand_ins.calls();
    let build = image_build(cx, &project)?;
    let is_built = calls.iter().filter(|call| **call == build).count() == 1;
    if !is_built || !project.join("Dockerfile").is_file() {
        let wrong = "the image is not built from the Dockerfile that image/* tries";
        return Err(Failure::new(wrong, build).at(calls.join("\n")));
    }
    Ok(())
}

/// Carries a step out as the pipeline would, with the machine's own and this run's PostgreSQL in the place of theirs.
fn run_step(cx: &Context<'_>, project: &Path, step: &Step, stand_ins: &StandIns) -> Outcome {
    if step.script.trim() == tools::INSTALL_CARGO_DENY {
        tools::cargo_deny(cx)?;
        return Ok(());
    }
    if step.script.trim() == policy::DENY {
        return policy::dependencies(cx, project, policy::DENY);
    }
    let mut shell = program("bash", project);
    shell.args(["-e", "-c", &step.script]);
    cx.share_builds(&mut shell, project);
    shell.env(
        "PATH",
        path_with(&[&stand_ins.program(), &tools::kubectl(cx)?])?,
    );
    for (key, value) in &step.env {
        let value = match key.as_str() {
            "TEST_DATABASE_URL" => cx.postgres()?.url().to_owned(),
            // Where the pipeline keeps what it downloaded, and how its log looks.
            "CARGO_HOME" | "CARGO_TERM_COLOR" => continue,
            _ => value.replace("${{ github.base_ref }}", DEFAULT_BRANCH),
        };
        if value.contains("${{") {
            let wrong = "the pipeline uses a value that this check doesn't know";
            return Err(Failure::new(wrong, &step.place).at(value));
        }
        shell.env(key, value);
    }
    // The one that runs this is there; rustup would fetch another.
    match std::env::var_os("RUSTUP_TOOLCHAIN") {
        Some(toolchain) if !step.script.starts_with("rustup ") => {
            shell.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        None if !step.script.starts_with("rustup ") => {
            shell.env_remove("RUSTUP_TOOLCHAIN");
        }
        _ => {}
    }
    if step.job != TO_FILL_IN {
        return cx.step(&mut shell, "a command of the pipeline fails");
    }
    let (status, said) = cx.output(&mut shell)?;
    cx.note(&said)?;
    if status.success() || !said.contains(NOTHING_WAS_DEPLOYED) {
        let wrong = "the job that somebody has to fill in looks as if it had done something";
        return Err(Failure::new(wrong, &step.place).at(said));
    }
    Ok(())
}

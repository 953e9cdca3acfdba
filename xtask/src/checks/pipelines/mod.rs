//! `ci/*`: the pipelines that a project can have, and this repository's own.

mod commands;
mod compatibility;
mod run;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use regex::Regex;
use tempfile::TempDir;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, long_check};
use crate::context::Context;
use crate::generate::Request;
use crate::tools;
pub(super) use run::{StandIns, image_build, project};

use commands::{CHECK_JSONSCHEMA, Step, of_github, of_gitlab};

const ZIZMOR: &str = "1.32.0";

/// The files of pipelines, by the name of the schema that check-jsonschema has for them.
const SCHEMAS: [(&str, &str); 4] = [
    (".github/workflows/", "vendor.github-workflows"),
    (".github/dependabot.yml", "vendor.dependabot"),
    (".gitlab-ci.yml", "vendor.gitlab-ci"),
    ("renovate.json", "vendor.renovate"),
];

/// What only a machine of the pipeline can do: bring programs there. The checks see how they are called.
const FOR_THE_MACHINE: [&str; 3] = ["rustup", "apt-get", "apk"];

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "ci/files",
            5,
            "the files of every pipeline, and of this repository's own, keep to their schema; workflows are safe in zizmor's eyes",
            files_are_valid,
        ),
        check(
            "ci/commands",
            5,
            "both pipelines have the same commands, none twice, which are those of the justfile, on one version of Rust; ours has the README's",
            commands_are_known,
        ),
        long_check(
            "ci/run",
            60,
            "each command of the pipelines does its work in a fresh project, with this run's PostgreSQL in the place of theirs; what the image is built with is tried by image/*",
            run::pipelines_run,
        ),
        long_check(
            "ci/compatibility",
            45,
            "the OpenAPI gate lets an addition pass, and stops what would break a client of the base branch",
            compatibility::gate_holds,
        )
        .typing(&[run::LEARN_DEFAULT_BRANCH]),
    ]
}

/// A project with a pipeline, in a folder of its own.
fn with_pipeline(cx: &Context<'_>, pipeline: &str) -> anyhow::Result<TempDir> {
    let folder = TempDir::with_prefix("strata-check-")?;
    cx.generate(&Request::new("ci-svc").ci(pipeline))?
        .write_to(folder.path())?;
    Ok(folder)
}

fn files_are_valid(cx: &Context<'_>) -> Outcome {
    let validator = tools::python(cx, "check-jsonschema", CHECK_JSONSCHEMA, "check-jsonschema")?;
    let zizmor = tools::python(cx, "zizmor", ZIZMOR, "zizmor")?;
    let projects: Vec<TempDir> = cx
        .repo()
        .pipelines()
        .iter()
        .map(|pipeline| with_pipeline(cx, pipeline))
        .collect::<anyhow::Result<_>>()?;
    let roots = projects.iter().map(TempDir::path).chain([cx.repo().root()]);
    let mut seen = BTreeSet::new();
    for root in roots {
        for (place, schema) in SCHEMAS {
            let files = files_at(&root.join(place))?;
            if files.is_empty() {
                continue;
            }
            seen.insert(schema);
            let mut validate = program(&validator, root);
            validate.args(["--builtin-schema", schema]).args(files);
            cx.step(
                &mut validate,
                "a file of a pipeline does not keep to its schema",
            )?;
        }
        if root.join(".github").is_dir() {
            let mut audit = program(&zizmor, root);
            audit.args(["--offline", "--no-progress", ".github"]);
            cx.step(
                &mut audit,
                "a workflow is not safe, or names an action by something that can move",
            )?;
        }
    }
    match SCHEMAS.iter().find(|(_, schema)| !seen.contains(schema)) {
        Some((place, _)) => Err(Failure::new("no project has the file", *place)),
        None => Ok(()),
    }
}

/// A file, or those of a folder; none if there is neither.
fn files_at(place: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(place)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn commands_are_known(cx: &Context<'_>) -> Outcome {
    let github = with_pipeline(cx, "github")?;
    let gitlab = with_pipeline(cx, "gitlab")?;
    let on_github = of_github(cx, github.path())?;
    let on_gitlab = of_gitlab(cx, gitlab.path())?;
    if on_github.len() < 8 || on_gitlab.len() < 8 {
        return Err(Failure::new(
            "the commands are not found",
            "the pipelines' files",
        ));
    }
    same_commands(&on_github, &on_gitlab, "GitHub")?;
    same_commands(&on_gitlab, &on_github, "GitLab")?;
    nothing_twice(&on_github)?;

    // Whoever is told by the pipeline that something is wrong has to be able to see it at home.
    let recipes = super::recipes::lines(cx, github.path())?;
    for step in &on_github {
        for command in step
            .commands()
            .filter(|command| !is_pipelines_own(step, command))
        {
            if !recipes.iter().any(|line| is_line(line, command)) {
                let what = "the commands of .github/workflows, beside the lines of the justfile";
                return Err(Failure::new("the pipeline does what no recipe does", what)
                    .at(format!("{}: {command}", step.place)));
            }
        }
    }
    one_rust(cx, github.path(), gitlab.path())?;
    our_own(cx)
}

/// Whether a command is a line of a recipe, which takes arguments where the command has none.
fn is_line(line: &str, command: &str) -> bool {
    let line = line.replace(" \"$@\"", "");
    // The recipe sets what the pipeline has in the job's environment.
    line == command
        || line
            .split_once(' ')
            .is_some_and(|(first, rest)| first.contains('=') && rest == command)
}

/// What a developer does not do: bring programs, and the job that somebody has to fill in.
fn is_pipelines_own(step: &Step, command: &str) -> bool {
    let is_for_the_machine = FOR_THE_MACHINE
        .iter()
        .any(|program| command.split(' ').next() == Some(program));
    is_for_the_machine || step.job == run::TO_FILL_IN || command == tools::INSTALL_CARGO_DENY
}

fn same_commands(some: &[Step], others: &[Step], name: &str) -> Outcome {
    let known: BTreeSet<&str> = others.iter().flat_map(Step::commands).collect();
    for step in some {
        for command in step.commands() {
            let is_for_the_machine = FOR_THE_MACHINE
                .iter()
                .any(|program| command.split(' ').next() == Some(program));
            if !is_for_the_machine && !known.contains(command) {
                let wrong = format!("only {name}'s pipeline has a command");
                return Err(Failure::new(wrong, "the commands of both pipelines")
                    .at(format!("{}: {command}", step.place)));
            }
        }
    }
    Ok(())
}

/// No job runs a part of what it runs anyway: `cargo test` has the tests that `cargo test --test manifests` has.
fn nothing_twice(steps: &[Step]) -> Outcome {
    for step in steps {
        let others = steps.iter().filter(|other| other.place == step.place);
        let others: Vec<&str> = others.flat_map(Step::commands).collect();
        for command in step.commands() {
            let is_part = |whole: &&str| command.starts_with(&format!("{whole} --test "));
            if let Some(whole) = others.iter().copied().find(is_part) {
                let wrong = "a job runs the same tests twice";
                return Err(Failure::new(wrong, format!("`{whole}` runs all"))
                    .at(format!("{}: {command}", step.place)));
            }
        }
    }
    Ok(())
}

/// All pipelines name one version of Rust, which is not older than the one the project needs.
fn one_rust(cx: &Context<'_>, github: &Path, gitlab: &Path) -> Outcome {
    let named = Regex::new(r"(?:RUSTUP_TOOLCHAIN: |rust:)(\d+)\.(\d+)\.(\d+)")?;
    let mut files = files_at(&github.join(".github/workflows"))?;
    files.push(gitlab.join(".gitlab-ci.yml"));
    files.extend(files_at(&cx.repo().root().join(".github/workflows"))?);
    let mut versions = BTreeSet::new();
    for file in &files {
        let text = std::fs::read_to_string(file)?;
        let found: Vec<String> = named
            .captures_iter(&text)
            .map(|found| format!("{}.{}", &found[1], &found[2]))
            .collect();
        if found.is_empty() {
            return Err(Failure::new(
                "a pipeline does not say which Rust it uses",
                file.display().to_string(),
            ));
        }
        versions.extend(found);
    }
    let manifest: toml::Table = std::fs::read_to_string(github.join("Cargo.toml"))?.parse()?;
    let least = manifest["package"]["rust-version"]
        .as_str()
        .context("no rust-version")?;
    let minor = |version: &str| -> Option<u32> { version.split('.').nth(1)?.parse().ok() };
    match versions.iter().collect::<Vec<_>>()[..] {
        [one] if minor(one) >= minor(least) => Ok(()),
        _ => Err(Failure::new(
            "the pipelines' Rust is not one version, or older than the project's",
            format!("`rust-version` is {least}"),
        )
        .at(format!("{versions:?}"))),
    }
}

/// This repository's own workflow runs what its README tells people to run.
fn our_own(cx: &Context<'_>) -> Outcome {
    let steps = of_github(cx, cx.repo().root())?;
    let commands: BTreeSet<&str> = steps
        .iter()
        .flat_map(Step::commands)
        .map(|command| command.trim_end_matches(" &"))
        .filter(|command| command.starts_with("cargo "))
        .collect();
    let expected = BTreeSet::from([
        "cargo xtask try",
        "cargo xtask test",
        "cargo xtask test --all",
        "cargo xtask test bench/instructions",
    ]);
    if commands == expected {
        return Ok(());
    }
    Err(Failure::new(
        "our own workflow does not run the commands of the README",
        format!("{expected:?}"),
    )
    .at(format!("{commands:?}")))
}

//! `readme/*`: every command that a document names is carried out by a check, as it stands there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::documents::{documents, needs_a_service};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{self, check, delivered, live};
use crate::context::Context;
use crate::document::examples;
use crate::generate::Request;
use crate::http;
use crate::service::{self, Service};

const RUN: &str = "cargo run";
const SEED: &str = "cargo run -- seed --rows 25";
const LIST_USERS: &str = "curl \"http://127.0.0.1:8080/api/v1/users?limit=2\"";
const RUN_ON_POSTGRES: &str = "DATABASE_URL=postgres://user:password@localhost/database cargo run";
const ARCHITECTURE: &str = "cargo test --test architecture";
const REFERENCE: &str = "just reference";
const DIFFERENCE: &str = "git diff docs/reference";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "readme/commands",
            20,
            "every command in the documents is carried out by some check",
            commands_are_carried_out,
        ),
        check(
            "readme/walk",
            20,
            "a generated project does what its README says, typed from it line by line",
            walk,
        )
        .typing(&[
            RUN,
            SEED,
            LIST_USERS,
            RUN_ON_POSTGRES,
            ARCHITECTURE,
            REFERENCE,
            DIFFERENCE,
        ]),
    ]
}

fn commands_are_carried_out(cx: &Context<'_>) -> Outcome {
    // What runs this check, if it is CI.
    let test = "cargo xtask test";
    let ci = std::fs::read_to_string(cx.repo().root().join(".ci/run"))?;
    if ci.lines().next_back() != Some(&format!("exec {test}")) {
        let failure = Failure::new("CI does not run the READMEs' command", ".ci/run");
        return Err(failure.at("its last line"));
    }
    let all = checks::all(cx.repo());
    let mut typed: BTreeSet<&str> = all.iter().flat_map(|check| check.types).copied().collect();
    typed.insert(test);

    let mut named = BTreeSet::new();
    for (path, text) in documents(cx)? {
        let in_blocks = examples(&text).into_iter().flat_map(|example| {
            let lines: Vec<_> = example
                .script
                .lines()
                .map(|line| line.trim().to_owned())
                .collect();
            (example.line + 1..)
                .zip(lines)
                .filter(|_| !needs_a_service(&text))
        });
        for (number, line) in in_blocks.chain(in_sentences(&text)?) {
            let is_one = !line.is_empty() && !line.starts_with('#');
            // The former are carried out below, the next by `docs/before-you-go-live`; for the last two it takes a container engine,
            // and a cluster, or at least what `manifests/apply` has of one.
            let is_elsewhere = line.starts_with("cargo run -- ")
                || (path == live::PAGE && line.contains("$URL"))
                || line.starts_with("docker compose ")
                || (line.starts_with("kubectl ") && !line.starts_with("kubectl kustomize "));
            // A sentence may name a command without its arguments.
            if typed.iter().any(|typed| is_begun_by(typed, &line)) {
                named.insert(line);
            } else if is_one && !is_elsewhere {
                let wrong = "a document names a command that no check carries out";
                let what = "the commands in blocks and sentences; a check says with `typing` which of them it carries out";
                return Err(Failure::new(wrong, what).at(format!("{path}:{number}: {line}")));
            }
        }
    }
    let is_named = |typed: &&&str| named.iter().any(|line| is_begun_by(typed, line));
    if let Some(gone) = typed
        .iter()
        .find(|line| !is_named(line) && !line.starts_with("cargo run -- "))
    {
        let wrong = "a check carries out a command that no document names";
        return Err(Failure::new(wrong, "what the checks say with `typing`").at(*gone));
    }
    commands_of_the_service(cx)
}

fn is_begun_by(line: &str, begin: &str) -> bool {
    line.strip_prefix(begin)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Commands that stand in sentences and tables, between backticks, with their line.
fn in_sentences(text: &str) -> Result<Vec<(usize, String)>, regex::Error> {
    let command = Regex::new(r"`((?:cargo|just|git|curl|docker|kubectl) [^`]+)`")?;
    let lines = text.lines().enumerate().flat_map(|(index, line)| {
        let found = command.captures_iter(line).map(|found| found[1].to_owned());
        found.map(|line| (index + 1, line)).collect::<Vec<_>>()
    });
    Ok(lines.collect())
}

/// Each `cargo run -- …` of the documents, in an empty folder.
fn commands_of_the_service(cx: &Context<'_>) -> Outcome {
    let command = Regex::new(r"cargo run -- ([a-z][^`|\n]*)")?;
    let place = place_to_run(cx, Kind::Sqlite)?;
    cx.step(
        &mut place.binary.command(["migrate", "up"]),
        "the database cannot be migrated",
    )?;
    let mut done = BTreeSet::new();
    for (path, text) in documents(cx)? {
        for found in command.captures_iter(&text) {
            let arguments = found[1].trim().to_owned();
            if done.insert(arguments.clone()) {
                let mut command = place.binary.command(arguments.split_whitespace());
                cx.step(&mut command, &format!("a command of {path} fails"))?;
            }
        }
    }
    Ok(())
}

/// The commands of a project's README and of the documents it points to, in a project that was just generated.
fn walk(cx: &Context<'_>) -> Outcome {
    let what = "the commands of a generated project's README, in order";
    let parent = tempfile::TempDir::with_prefix("strata-check-")?;
    let folder = parent.path().join("my-service");
    cx.generate(&Request::new("my-service"))?
        .write_to(&folder)?;
    start_history(cx, &folder)?;
    cx.step(
        &mut cx.cargo(&folder, ["build", "--locked"]),
        "the project does not build",
    )?;

    let service = serve(cx, RUN, &folder, &[])?;
    let mut seed = cx.typed(SEED, &folder, &[]);
    cx.share_builds(&mut seed, &folder);
    cx.step(&mut seed, "the database cannot be filled")?;
    let address = ("http://127.0.0.1:8080", &*service.url());
    let (status, users) = cx.output(&mut cx.typed(LIST_USERS, &folder, &[address]))?;
    let users: serde_json::Value = serde_json::from_str(&users)?;
    if !status.success() || users["items"].as_array().map_or(0, Vec::len) != 2 {
        return Err(
            Failure::new("the users that were asked for are not there", what).at(LIST_USERS),
        );
    }
    service.stop()?;

    let database = cx.database()?;
    let url = (
        "postgres://user:password@localhost/database",
        database.url(),
    );
    let service = serve(cx, RUN_ON_POSTGRES, &folder, &[url])?;
    let (status, users) = http::get(service.port(), "/api/v1/users")?;
    if status != 200 || !users.contains("\"items\":[]") {
        return Err(
            Failure::new("it does not start on an empty database", what).at(RUN_ON_POSTGRES)
        );
    }
    service.stop()?;

    let just = delivered::just(cx)?;
    let with_just = |line| -> anyhow::Result<_> {
        let mut command = cx.typed(line, &folder, &[]);
        cx.share_builds(&mut command, &folder);
        command.env("PATH", delivered::path_with(&[&just])?);
        Ok(command)
    };
    cx.step(
        &mut with_just(ARCHITECTURE)?,
        "the architecture test does not pass",
    )?;
    cx.step(
        &mut with_just(REFERENCE)?,
        "the reference cannot be written",
    )?;
    let (_, changed) = cx.output(&mut with_just(DIFFERENCE)?)?;
    // Cargo moves the project's own entry in Cargo.lock to where its name belongs; `generate/lock` looks at the rest.
    let look = ["status", "--porcelain", "--", ".", ":!Cargo.lock"];
    let (_, status) = cx.output(program("git", &folder).args(look))?;
    if !changed.is_empty() || !status.is_empty() {
        let wrong =
            "the README's commands change the project: is the checked-in reference current?";
        return Err(Failure::new(wrong, what).at(status));
    }
    Ok(())
}

/// A typed line that serves, when it does.
fn serve(
    cx: &Context<'_>,
    line: &'static str,
    folder: &Path,
    instead: &[(&str, &str)],
) -> anyhow::Result<Service> {
    let mut command = cx.typed(line, folder, instead);
    cx.share_builds(&mut command, folder);
    let port = http::free_port()?;
    service::serve(command, port, port, &cx.log)
}

/// The project as its owner commits it; of a history that the run before made, nothing is left.
pub(super) fn start_history(cx: &Context<'_>, folder: &Path) -> Outcome {
    let git = folder.join(".git");
    if git.exists() {
        std::fs::remove_dir_all(git)?;
    }
    for arguments in [["init", "--quiet"], ["add", "--all"]] {
        cx.step(program("git", folder).args(arguments), "git fails")?;
    }
    cx.step(&mut commit(folder), "git fails")
}

/// `git commit`, by somebody whom git need not know.
pub(super) fn commit(folder: &Path) -> Command {
    let mut commit = program("git", folder);
    for setting in [
        "user.name=strata",
        "user.email=strata@localhost",
        "commit.gpgsign=false",
    ] {
        commit.args(["-c", setting]);
    }
    commit.args(["commit", "--quiet", "--message=Begin"]);
    commit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_sentences() {
        let text = "Type `cargo run` or\n`just dev`, not `just` or `.env`.\n";
        let expected = [(1, "cargo run".to_owned()), (2, "just dev".to_owned())];
        assert_eq!(in_sentences(text).unwrap(), expected);
    }

    #[test]
    fn a_command_may_be_named_without_its_arguments() {
        assert!(is_begun_by("cargo run", "cargo run"));
        assert!(is_begun_by("cargo generate --git x", "cargo generate"));
        assert!(!is_begun_by("cargo xtask test", "cargo xtask te"));
        assert!(!is_begun_by("cargo run", "cargo run --release"));
    }
}

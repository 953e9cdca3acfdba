//! `readme/*`: every command that a document names is executed by something.

use std::collections::BTreeSet;

use regex::Regex;

use crate::check::{Check, Failure, Outcome};
use crate::checks::documents::{documents, needs_a_service};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{self, check};
use crate::context::Context;
use crate::document::examples;
use crate::tools;

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "readme/commands",
        20,
        "every command in the READMEs is executed by some check",
        commands_are_executed,
    )]
}

/// Commands in documents, with the check that executes them; what begins with `cargo run -- ` is executed here.
const EXECUTED: [(&str, &str); 17] = [
    ("cargo xtask try", "try/first-minute"),
    ("cargo xtask test", "readme/commands"),
    ("cargo xtask test --list", "readme/commands"),
    ("cargo xtask test template/clippy", "template/clippy"),
    (
        "cargo install cargo-generate --version 0.23.14 --locked",
        "command/cargo-generate",
    ),
    (
        "cargo generate --git https://github.com/strata-rs/strata --name my-service",
        "command/cargo-generate",
    ),
    (
        "cargo xtask generate --name my-service --dir ../my-service",
        "generate/command",
    ),
    ("cd my-service", "generate/command"),
    ("cargo run", "try/first-minute"),
    (
        "curl \"http://127.0.0.1:8080/api/v1/users?limit=2\"",
        "docs/examples",
    ),
    (
        "DATABASE_URL=postgres://user:password@localhost/database cargo run",
        "docs/examples",
    ),
    ("cargo test", "template/test-sqlite"),
    (
        "TEST_DATABASE_URL=postgres://postgres@localhost/postgres cargo test",
        "template/test-postgres",
    ),
    ("cargo build --release", "options/release"),
    (
        "APP_ENV=prod ./target/release/{{project-name}} config check",
        "options/release",
    ),
    ("just reference", "docs/reference"),
    ("git diff docs/reference", "docs/reference"),
];

fn commands_are_executed(cx: &Context<'_>) -> Outcome {
    let mut typed = BTreeSet::new();
    for (path, text) in documents(cx)?
        .iter()
        .filter(|(_, text)| !needs_a_service(text))
    {
        for example in examples(text) {
            for (offset, line) in example.script.lines().map(str::trim).enumerate() {
                if line.is_empty() || line.starts_with('#') || line.starts_with("cargo run -- ") {
                    continue;
                }
                typed.insert(line.to_owned());
                if !EXECUTED.iter().any(|(command, _)| *command == line) {
                    let place = format!("{path}:{}: {line}", example.line + 1 + offset);
                    return Err(Failure::new("a document names a command that no check executes: add it to EXECUTED with the check that does", "the ```sh blocks").at(place));
                }
            }
        }
    }
    let what = "EXECUTED in xtask/src/checks/readme.rs";
    if let Some((gone, _)) = EXECUTED
        .iter()
        .find(|(command, _)| !typed.contains(*command))
    {
        return Err(Failure::new("a command is listed that no document names", what).at(*gone));
    }
    let names: Vec<String> = checks::all(cx.repo())
        .into_iter()
        .map(|check| check.name)
        .collect();
    if let Some((command, by)) = EXECUTED
        .iter()
        .find(|(_, by)| !names.iter().any(|name| name == by))
    {
        return Err(Failure::new(
            "a command is said to be executed by a check that does not exist",
            what,
        )
        .at(format!("{command}: {by}")));
    }
    let version = tools::CARGO_GENERATE;
    if !typed.contains(&format!(
        "cargo install cargo-generate --version {version} --locked"
    )) {
        let failure = Failure::new(
            "the READMEs install another cargo-generate than the checks",
            "command/cargo-generate",
        );
        return Err(failure.at(version));
    }
    let ci = std::fs::read_to_string(cx.repo().root().join(".ci/run"))?;
    if ci.lines().next_back() != Some("exec cargo xtask test") {
        return Err(
            Failure::new("CI does not run the READMEs' command", ".ci/run").at("its last line"),
        );
    }
    commands_of_the_service(cx)
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

//! `docs/*` and `readme/*`: what documents tell people to type.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use regex::Regex;
use tempfile::TempDir;

use crate::cargo::program;
use crate::checks::{self, check};
use crate::document::{examples, missing_line, script, split_output};
use crate::generate::Request;
use crate::http;
use crate::postgres::Database;
use crate::runner::{Check, Context, Failure, Outcome};
use crate::service::Binary;
use crate::tools;
use crate::tree::Tree;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "docs/examples",
            20,
            "the documents' examples work as they stand, on both databases",
            examples_work,
        ),
        check(
            "docs/reference",
            20,
            "the checked-in reference is what the code says: configuration, routes, OpenAPI",
            reference_is_current,
        ),
        check(
            "readme/commands",
            20,
            "every command in the READMEs is executed by some check",
            commands_are_executed,
        ),
    ]
}

/// Where a service keeps its data in a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// Does the same on both, also if it fails on the first; fails as that one did.
pub(super) fn on_both_databases(work: impl Fn(Kind) -> Outcome) -> Outcome {
    [Kind::Sqlite, Kind::Postgres]
        .map(work)
        .into_iter()
        .collect()
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The service's binary, in an empty folder and with an empty database.
pub(super) struct Place {
    pub(super) binary: Binary,
    // In this order: the database goes before its server could.
    _database: Option<Database>,
    pub(super) folder: TempDir,
}

pub(super) fn place_to_run(cx: &Context<'_>, kind: Kind) -> Result<Place> {
    let folder = TempDir::with_prefix("strata-check-")?;
    let binary = cx.binary(folder.path())?;
    Ok(match kind {
        Kind::Sqlite => Place {
            binary,
            _database: None,
            folder,
        },
        Kind::Postgres => {
            let database = cx.database()?;
            Place {
                binary: binary.setting("DATABASE_URL", database.url()),
                _database: Some(database),
                folder,
            }
        }
    })
}

/// The documents of the repository that somebody types from, by their path.
fn documents(cx: &Context<'_>) -> Result<Vec<(String, String)>> {
    let is_one = |file: &&String| {
        let is_readme = [
            "README.md",
            "CONTRIBUTING.md",
            "template/README.md",
            "template/README.md.liquid",
        ]
        .contains(&file.as_str());
        is_readme
            || (file.starts_with("docs/")
                && Path::new(file).extension().is_some_and(|kind| kind == "md"))
    };
    let files = cx.repo().files()?;
    files
        .iter()
        .filter(is_one)
        .map(|file| {
            Ok((
                file.clone(),
                std::fs::read_to_string(cx.repo().root().join(file))?,
            ))
        })
        .collect()
}

/// A document that talks to a running service says so by naming its address.
fn needs_a_service(text: &str) -> bool {
    text.contains("$BASE")
}

fn examples_work(cx: &Context<'_>) -> Outcome {
    let documents = documents(cx)?;
    on_both_databases(|database| {
        for (path, text) in documents.iter().filter(|(_, text)| needs_a_service(text)) {
            cx.note(&format!("\n{path} on {}", database.name()))?;
            run_document(cx, database, path, text)?;
        }
        Ok(())
    })
}

fn run_document(cx: &Context<'_>, database: Kind, path: &str, text: &str) -> Outcome {
    const MARKER: &str = "::strata-example::";
    let what = format!(
        "the examples of {path}, one after the other, on {}",
        database.name()
    );
    let place = place_to_run(cx, database)?;
    let service = place.binary.serve(http::free_port()?, &cx.log)?;
    let examples = examples(text);
    let mut bash = program("bash", place.folder.path());
    bash.env("BASE", service.url())
        .args(["-c", &script(&examples, MARKER)]);
    let (status, output) = cx.output(&mut bash)?;
    cx.note(&output.replace(MARKER, "example "))?;

    let printed = split_output(&output, MARKER);
    let mut wrong = Vec::new();
    for (example, printed) in examples.iter().zip(&printed) {
        let expected = example.expected.as_deref().unwrap_or_default();
        if let Some(line) = missing_line(expected, printed)? {
            wrong.push(format!("{path}:{}: expected {line}", example.line));
        }
    }
    if !status.success() {
        let last = examples
            .get(printed.len().saturating_sub(1))
            .map_or(1, |example| example.line);
        wrong.push(format!("{path}:{last}: ended with {status}"));
    }
    if !wrong.is_empty() {
        return Err(Failure::new(
            "an example does something else than the document says",
            what,
        )
        .at(wrong.join("\n")));
    }
    service.stop()?;
    Ok(())
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
    let what = "EXECUTED in xtask/src/checks/documents.rs";
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

/// `just reference` brings the checked-in reference up to date: in a fresh project it changes nothing.
fn reference_is_current(cx: &Context<'_>) -> Outcome {
    let recipes = std::fs::read_to_string(cx.repo().template().join("justfile"))?;
    let body = recipes
        .lines()
        .skip_while(|line| !line.starts_with("reference:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '));
    let commands: Vec<&str> = body
        .filter_map(|line| line.trim().strip_prefix("cargo run --quiet -- "))
        .collect();
    if commands.is_empty() {
        return Err(Failure::new(
            "the recipe `reference` is not as this check expects it",
            "template/justfile",
        ));
    }
    let place = place_to_run(cx, Kind::Sqlite)?;
    let before = Tree::read(place.folder.path())?;
    for arguments in commands {
        cx.step(
            &mut place.binary.command(arguments.split_whitespace()),
            "a command of the recipe `reference` fails",
        )?;
    }
    let differences = before.differences(&Tree::read(place.folder.path())?, |_| false);
    if differences.is_empty() {
        return Ok(());
    }
    let places: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Err(Failure::new(
        "the checked-in reference is out of date: run `just reference` in template/",
        "`just reference` in a fresh project",
    )
    .at(places.join("\n")))
}

impl Context<'_> {
    /// The template's binary in place, to be run in a folder that becomes a fresh project.
    pub(super) fn binary(&self, folder: &Path) -> Result<Binary> {
        self.generate(&Request::new("aaa-svc"))?.write_to(folder)?;
        let template = self.repo().template();
        let mut build = self.cargo(
            &template,
            ["build", "--message-format=json-render-diagnostics"],
        );
        let (status, messages) = self.output(&mut build)?;
        let executable = messages.lines().rev().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        let path = executable
            .filter(|_| status.success())
            .context("the template does not build")?;
        Ok(Binary {
            path,
            folder: folder.to_path_buf(),
            settings: Vec::new(),
        })
    }
}

//! `docs/*`: documents tell the truth.

use std::path::Path;

use anyhow::Result;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::checks::place::{Kind, on_both_databases, place_to_run};
use crate::context::Context;
use crate::document::{examples, missing_line, script, split_output};
use crate::http;
use crate::packages;
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
    ]
}

/// The documents of the repository that somebody types from, by their path.
pub(super) fn documents(cx: &Context<'_>) -> Result<Vec<(String, String)>> {
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
pub(super) fn needs_a_service(text: &str) -> bool {
    text.contains("$BASE")
}

fn examples_work(cx: &Context<'_>) -> Outcome {
    let by_hand = "The documents' examples need curl (Debian, Ubuntu: `apt-get install curl`).";
    if packages::find_program("curl").is_none() {
        packages::install(&["curl"], by_hand, |command| {
            Ok(cx.execute(command)?.success())
        })?;
    }
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

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

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "docs/examples",
        20,
        "the documents' examples work as they stand, on both databases",
        examples_work,
    )]
}

/// The documents of the repository that somebody types from, by their path.
pub(super) fn documents(cx: &Context<'_>) -> Result<Vec<(String, String)>> {
    let is_one = |file: &&String| {
        let is_readme = [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "template/README.md",
            "template/SECURITY.md",
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

//! Clients go on working: the OpenAPI document takes nothing away that it has on another branch.
//!
//! `OPENAPI_BASE` names that branch, such as `origin/HEAD`, or any other revision git knows. Without it there is nothing to compare
//! with, and only the rules themselves are tested. What counts as a break is described in docs/checks.md.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod document;
mod operations;
mod rules;
mod schemas;

#[path = "../support/files.rs"]
mod files;

use std::io::Write as _;
use std::process::Command;

use document::Document;
use operations::breaks;

const COPIES: &str = "docs/reference/openapi";

#[test]
fn the_document_breaks_no_client_of_the_base_branch() {
    #[expect(
        clippy::disallowed_methods,
        reason = "it configures the tests, not the service"
    )]
    let base = std::env::var("OPENAPI_BASE").unwrap_or_default();
    if base.is_empty() {
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: OPENAPI_BASE names no revision to compare with, such as origin/HEAD"
        );
        return;
    }
    let breaks = breaks(
        &at_revision(&base),
        &Document::read(&files::project_file(COPIES)),
    );
    assert!(
        breaks.is_empty(),
        "\nclients that rely on the OpenAPI document of {base} break:\n  {}\n\
         Add instead of changing: a new field, a new parameter that may be left out, a new path. If the break is meant, docs/checks.md says how it gets through.\n",
        breaks.join("\n  ")
    );
}

/// The document as it is checked in at a revision.
fn at_revision(revision: &str) -> Document {
    let list = git(&[
        "ls-tree",
        "--name-only",
        revision,
        "--",
        &format!("{COPIES}/"),
    ]);
    let files: Vec<String> = list
        .lines()
        .map(|path| git(&["show", &format!("{revision}:./{path}")]))
        .collect();
    assert!(
        !files.is_empty(),
        "{revision} has no files in {COPIES}: is that the base branch, and of this project?"
    );
    Document::of(files.iter().map(String::as_str))
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(files::project_root())
        .output()
        .unwrap_or_else(|error| panic!("git is needed to read another revision: {error}"));
    assert!(
        output.status.success(),
        "git {}: {}\nIn a pipeline the history has to be fetched, too (`fetch-depth: 0`, `GIT_DEPTH: 0`). If it is origin/HEAD that is missing: \
         `git remote set-head origin --auto`.",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

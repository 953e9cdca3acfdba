//! `template/*`: the template in place.

use std::path::Path;

use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::context::Context;
use crate::modules;
use crate::postgres::{Bouncer, Postgres};
use crate::tools;

const TEST: &str = "cargo test";
const TEST_ON_POSTGRES: &str =
    "TEST_DATABASE_URL=postgres://postgres@localhost/postgres cargo test";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "template/liquid",
            1,
            "no Rust file contains Liquid, except the lists of modules",
            no_liquid_in_rust,
        ),
        check("template/fmt", 2, "the code is formatted", |cx| {
            formatting(cx, &cx.repo().template())
        }),
        check("template/clippy", 20, "clippy has nothing to say", |cx| {
            lints(cx, &cx.repo().template())
        }),
        check(
            "template/docs",
            15,
            "the code's documentation builds without a warning",
            |cx| documentation(cx, &cx.repo().template()),
        ),
        check(
            "template/test-sqlite",
            30,
            "the tests pass with nothing installed",
            |cx| tests_on_sqlite(cx, &cx.repo().template()),
        )
        .typing(&[TEST]),
        check(
            "template/test-postgres",
            30,
            "the tests pass on PostgreSQL",
            |cx| tests_on_postgres(cx, &cx.repo().template()),
        )
        .typing(&[TEST_ON_POSTGRES]),
        check(
            "template/test-pgbouncer",
            30,
            "the data layer's tests pass through PgBouncer in transaction mode",
            |cx| tests_through_pgbouncer(cx, &cx.repo().template()),
        ),
    ]
}

pub(super) fn formatting(cx: &Context<'_>, project: &Path) -> Outcome {
    cx.step(
        &mut cx.cargo(project, ["fmt", "--check"]),
        "the formatting is off",
    )
}

pub(super) fn lints(cx: &Context<'_>, project: &Path) -> Outcome {
    cx.step(
        &mut cx.cargo(project, ["clippy", "--all-targets", "--", "-D", "warnings"]),
        "clippy complains",
    )
}

pub(super) fn documentation(cx: &Context<'_>, project: &Path) -> Outcome {
    cx.step(
        cx.cargo(project, ["doc", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        "the documentation has warnings",
    )
}

/// The tests without a server: what somebody sees who has just generated a project.
pub(super) fn tests_on_sqlite(cx: &Context<'_>, project: &Path) -> Outcome {
    let mut test = cx.typed(TEST, project, &[]);
    cx.share_builds(&mut test, project);
    cx.step(test.arg("--no-fail-fast"), "tests do not pass")
}

pub(super) fn tests_on_postgres(cx: &Context<'_>, project: &Path) -> Outcome {
    let server = cx.postgres()?;
    let url = ("postgres://postgres@localhost/postgres", server.url());
    let mut test = cx.typed(TEST_ON_POSTGRES, project, &[url]);
    cx.share_builds(&mut test, project);
    // Some tests stop a server, which they have to start themselves.
    Postgres::provide_programs(|command| Ok(cx.execute(command)?.success()))?;
    test.env("TEST_POSTGRES_PROGRAMS_REQUIRED", "1");
    test.env("TEST_KUBECTL", tools::kubectl(cx)?);
    let before = server.objects_made(&cx.log)?;
    cx.step(
        test.arg("--no-fail-fast"),
        "tests do not pass on PostgreSQL",
    )?;
    // A test that has no server passes as well, so the server is asked.
    let made = server.objects_made(&cx.log)?.wrapping_sub(before);
    if made < AT_LEAST_MADE {
        let what = "the objects that were made on the server while the tests ran";
        return Err(Failure::new("the tests were not on PostgreSQL", what).at(made.to_string()));
    }
    Ok(())
}

/// Each test has a database of its own, and each of these is an object.
const AT_LEAST_MADE: u32 = 50;

/// Databases are made and migrated around it, and SQLite's tests have been run already.
fn tests_through_pgbouncer(cx: &Context<'_>, project: &Path) -> Outcome {
    let direct = cx.postgres()?.url().to_owned();
    let bouncer = Bouncer::start(&direct, &cx.log, |command| {
        Ok(cx.execute(command)?.success())
    })?;
    cx.step(
        cx.cargo(project, ["test", "--no-fail-fast", "--test", "data"])
            .args(["--", "--skip", "_Sqlite", "--skip", "_sqlite"])
            .env("TEST_DATABASE_URL", bouncer.url())
            .env("TEST_DATABASE_DIRECT_URL", direct),
        "tests do not pass through PgBouncer in transaction mode",
    )
}

fn no_liquid_in_rust(cx: &Context<'_>) -> Outcome {
    let what = "Liquid in the template's Rust files";
    let files = cx.repo().files()?;
    let read = |file: &str| std::fs::read_to_string(cx.repo().root().join(file));
    for file in files.iter().filter(|file| file.starts_with("template/")) {
        if Path::new(file).extension().is_some_and(|kind| kind == "rs") {
            let has_liquid = |line: &str| line.contains("{%") || mentions_a_variable(line);
            if let Some(line) = read(file)?.lines().position(has_liquid) {
                let place = format!("{file}:{}", line + 1);
                return Err(Failure::new("Liquid stands in Rust code", what).at(place));
            }
        } else if file.ends_with(".rs.liquid") {
            if !file.ends_with("/mod.rs.liquid") {
                return Err(Failure::new("only a mod.rs may have a twin", what).at(file));
            }
            if let Some(line) = modules::first_line_that_is_none(&read(file)?) {
                let place = format!("{file}:{line}");
                return Err(Failure::new(
                    "Liquid stands around something else than `mod` lines",
                    what,
                )
                .at(place));
            }
        }
    }
    Ok(())
}

/// `{{ name }}` of one of the answers; other braces are Rust's own (`format!("{{}}")`).
fn mentions_a_variable(line: &str) -> bool {
    ["project-name", "crate_name", "description", "parts"]
        .iter()
        .any(|name| line.contains(&format!("{{{{{name}")) || line.contains(&format!("{{{{ {name}")))
}

//! `xtask/*`: this tool itself.

use crate::cargo::cargo;
use crate::check::{Check, Outcome};
use crate::checks::check;
use crate::context::Context;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check("xtask/fmt", 2, "this tool is formatted", |cx| {
            step(
                cx,
                &["fmt", "--check"],
                "the formatting is off: run `cargo xtask fmt`",
            )
        }),
        check("xtask/clippy", 15, "this tool has no warnings", |cx| {
            step(
                cx,
                &[
                    "clippy",
                    "--all-targets",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ],
                "clippy complains",
            )
        }),
        check("xtask/test", 15, "this tool's own tests pass", |cx| {
            step(cx, &["test", "--locked"], "tests do not pass")
        }),
    ]
}

fn step(cx: &Context<'_>, arguments: &[&str], wrong: &str) -> Outcome {
    let mut command = cargo(&cx.repo().root().join("xtask"), arguments.iter().copied());
    cx.step(
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never"),
        wrong,
    )
}

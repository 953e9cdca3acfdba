//! `xtask/*`: this tool itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{cargo, program};
use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::commands::test;
use crate::context::Context;

const LIST: &str = "cargo xtask test --list";
const FMT: &str = "cargo xtask fmt";
const ONE: &str = "cargo xtask test template/fmt";

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
        check(
            "xtask/commands",
            30,
            "`fmt` mends formatting and twins, `lint` lints, `test` lists its checks and runs one alone",
            commands_work,
        )
        .typing(&[LIST, ONE, FMT]),
    ]
}

fn commands_work(cx: &Context<'_>) -> Outcome {
    let root = cx.repo().root();
    let (_, list) = cx.output(&mut cx.typed(LIST, root, &[]))?;
    let lists = |name: &str| list.lines().any(|line| line.starts_with(name));
    if !lists("xtask/commands") || !lists("options/release") {
        return Err(Failure::new("the list is not complete", LIST).at(list));
    }
    // The lock that keeps two runs apart is this run's.
    let run = |command: &mut Command| -> anyhow::Result<(bool, String)> {
        let (status, said) = cx.output(command.env(test::WITHIN_A_RUN, "1"))?;
        cx.note(&said)?;
        Ok((status.success(), said))
    };
    let (is_well, said) = run(&mut cx.typed(ONE, root, &[]))?;
    if !is_well || !said.contains("\n1 passed, 0 failed") {
        return Err(Failure::new("one check alone does not run", ONE).at(said));
    }
    let xtask = |root: &Path, command: &str| -> anyhow::Result<Command> {
        let mut xtask = program(std::env::current_exe()?, root);
        xtask
            .args(command.split(' '))
            .env("CARGO_MANIFEST_DIR", root.join("xtask"));
        Ok(xtask)
    };
    let (is_well, said) = run(&mut xtask(root, "lint")?)?;
    if !is_well || !said.contains("ok      template/clippy") {
        return Err(Failure::new("it does not lint", "cargo xtask lint").at(said));
    }

    // Where there is nothing to do it does nothing.
    for folder in [
        cx.repo().template(),
        root.join("xtask"),
        root.join("bench/reference/bare"),
    ] {
        cx.step(
            &mut cargo(&folder, ["fmt", "--check"]),
            "the formatting is off",
        )?;
    }
    cx.step(&mut cx.typed(FMT, root, &[]), "`cargo xtask fmt` fails")?;

    // Where there is something, in a copy: by this program, since cargo would take the copy's for another state of it.
    let copy = tempfile::TempDir::with_prefix("strata-check-")?;
    cx.repo().copy_to(copy.path())?;
    let copy = copy.path();
    let program = copy.join("template/src/main.rs");
    let formatted = fs::read_to_string(&program)?;
    fs::write(&program, formatted.replace("    ", "  "))?;
    let manifest = copy.join("template/Cargo.toml");
    fs::write(&manifest, fs::read_to_string(&manifest)? + "# the end\n")?;
    let (is_well, said) = run(&mut xtask(copy, ONE.trim_start_matches("cargo xtask "))?)?;
    if is_well || !said.contains("FAILED  template/fmt") {
        return Err(Failure::new("code that is not formatted passes", ONE).at(said));
    }
    cx.step(&mut xtask(copy, "fmt")?, "`cargo xtask fmt` fails")?;
    let twin = fs::read_to_string(copy.join("template/Cargo.toml.liquid"))?;
    if fs::read_to_string(&program)? != formatted || !twin.ends_with("# the end\n") {
        return Err(Failure::new(
            "it leaves something unformatted, or a twin as it was",
            "cargo xtask fmt",
        ));
    }
    Ok(())
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

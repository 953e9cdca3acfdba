//! `bench/*`: what a request costs is measured, and doesn't grow unnoticed.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::bench;
use crate::cargo::{cargo, program};
use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, long_check};
use crate::context::Context;

const BENCH: &str = "cargo xtask bench";
const INSTRUCTIONS: &str = "cargo xtask bench --instructions";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "bench/reference",
            20,
            "the servers that the service is compared with are formatted, have no warnings and compile",
            references_are_sound,
        ),
        long_check(
            "bench/instructions",
            60,
            "a request takes no more instructions than bench/instructions.json says",
            instructions,
        )
        .typing(&[INSTRUCTIONS]),
        long_check(
            "bench/runs",
            60,
            "the benchmark measures all that it has goals for, and writes the table, JSON and the plot",
            it_runs,
        )
        .typing(&[BENCH]),
    ]
}

fn references_are_sound(cx: &Context<'_>) -> Outcome {
    let references = cx.repo().root().join("bench/reference");
    let bare = references.join("bare");
    cx.step(
        &mut cargo(&bare, ["fmt", "--check"]),
        "the formatting is off: run `cargo xtask fmt`",
    )?;
    let lint = [
        "clippy",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    cx.step(&mut cx.cargo(&bare, lint), "clippy complains")?;
    // Only whether it is Python: what it does, `bench/runs` sees.
    let read = "import ast, pathlib, sys; [ast.parse(file.read_text(), str(file)) for file in pathlib.Path(sys.argv[1]).glob('*.py')]";
    let mut python = program("python3", cx.repo().root());
    cx.step(
        python.args(["-c", read]).arg(references.join("fastapi")),
        "a server in Python can't be read",
    )
}

fn instructions(cx: &Context<'_>) -> Outcome {
    cx.step(
        &mut cx.typed(INSTRUCTIONS, cx.repo().root(), &[]),
        "a request takes more instructions than is written down",
    )
}

/// With figures that say nothing, but all of them; everything that takes long is cut short.
fn it_runs(cx: &Context<'_>) -> Outcome {
    let folder = TempDir::with_prefix("strata-check-")?;
    let mut bench = cx.typed(BENCH, cx.repo().root(), &[]);
    bench
        .args(["--quick", "--builds", "--rounds", "1", "--seconds", "1"])
        .args(["--rows", "10000", "--connections", "100", "--out"])
        .arg(folder.path());
    let (status, said) = cx.output(&mut bench)?;
    cx.note(&said)?;
    if !status.success() {
        return Err(Failure::new("the benchmark fails", BENCH));
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name));
    let report: Value = serde_json::from_str(&read("bench.json")?)?;
    let goals = report["goals"].as_array().into_iter().flatten();
    let measured: Vec<&str> = goals.filter_map(|goal| goal["id"].as_str()).collect();
    if let Some(gone) = bench::goals().find(|id| !measured.contains(id)) {
        let wrong = "the benchmark has a goal for what it doesn't measure";
        return Err(Failure::new(wrong, BENCH).at(gone));
    }
    for (name, holds) in [("bench.md", "| GET by id |"), ("bench.svg", "<rect")] {
        if !read(name)?.contains(holds) {
            return Err(Failure::new("what is written says nothing", BENCH).at(name));
        }
    }
    Ok(())
}

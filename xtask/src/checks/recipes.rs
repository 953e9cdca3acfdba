//! `just/every-recipe`: each recipe of the justfile is carried out by a check.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::delivered::{just, path_with};
use crate::checks::pipelines::{StandIns, image_build, project};
use crate::checks::{self, long_check};
use crate::context::Context;
use crate::tools;

/// What is carried out here; `up`, `down` and `image` with a stand-in for Docker, of which the check sees how it is called.
const RECIPES: [&str; 12] = [
    "just run routes",
    "just migrate",
    "just migrate status",
    "just test --test architecture",
    "just lint",
    "just manifests",
    "just compatibility",
    "just check",
    "just fmt",
    "just image",
    "just up",
    "just down --volumes",
];

pub(super) fn checks() -> Vec<Check> {
    vec![
        long_check(
            "just/every-recipe",
            60,
            "every recipe works in a fresh project, here or in another check",
            recipes_work,
        )
        .typing(&RECIPES),
    ]
}

/// The commands of all recipes, as they stand in the justfile.
pub(super) fn lines(cx: &Context<'_>, project: &Path) -> Result<Vec<String>> {
    let (_, dump) =
        cx.output(program(just(cx)?, project).args(["--dump", "--dump-format", "json"]))?;
    let dump: serde_json::Value = serde_json::from_str(&dump)?;
    let recipes = dump["recipes"].as_object().into_iter().flatten();
    let bodies = recipes.flat_map(|(_, recipe)| recipe["body"].as_array().into_iter().flatten());
    // A line is a list of its pieces; those that are no text are just's own expressions.
    let text = |line: &serde_json::Value| -> String {
        let pieces = line.as_array().into_iter().flatten();
        pieces.filter_map(serde_json::Value::as_str).collect()
    };
    Ok(bodies.map(text).collect())
}

fn recipes_work(cx: &Context<'_>) -> Outcome {
    let project = project(cx)?;
    let just = just(cx)?;
    let (_, names) = cx.output(program(&just, &project).arg("--summary"))?;
    let all = checks::all(cx.repo());
    let typed: BTreeSet<&str> = all.iter().flat_map(|check| check.types).copied().collect();
    for name in names.split_whitespace() {
        let line = format!("just {name}");
        if !typed
            .iter()
            .any(|typed| *typed == line || typed.starts_with(&format!("{line} ")))
        {
            return Err(Failure::new("no check carries out a recipe", "just --summary").at(name));
        }
    }

    // `just check` asks for known vulnerabilities, too, which `policy/deny` does as far as it can.
    let stand_ins = StandIns::of(&["docker", "cargo-deny"])?;
    let path = path_with(&[&just, &stand_ins.program(), &tools::kubectl(cx)?])?;
    for recipe in RECIPES {
        let mut command = cx.typed(recipe, &project, &[]);
        cx.share_builds(&mut command, &project);
        cx.step(command.env("PATH", &path), "a recipe fails")?;
    }
    let expected = [
        "cargo-deny deny check",
        &image_build(cx, &project)?,
        "docker compose up --build",
        "docker compose down --volumes",
    ];
    let calls = stand_ins.calls();
    if calls != expected {
        let wrong = "a recipe calls Docker in another way than this check knows";
        return Err(Failure::new(wrong, expected.join("\n")).at(calls.join("\n")));
    }
    // What only asks must leave the project as it was; Cargo moves the project's own entry in Cargo.lock.
    let look = ["status", "--porcelain", "--", ".", ":!Cargo.lock"];
    let (_, changed) = cx.output(program("git", &project).args(look))?;
    if !changed.is_empty() {
        return Err(Failure::new("a recipe changes the project", "git status").at(changed));
    }
    Ok(())
}

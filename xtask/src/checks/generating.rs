//! `generate/*`, continued: how generating behaves.

use std::path::Path;

use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::context::Context;
use crate::generate::Request;
use crate::names;
use crate::tree::Tree;
use crate::twins;

const GENERATE: &str = "cargo xtask generate --name my-service --dir ../my-service";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "generate/names",
            2,
            "a name that cannot work is refused, and nothing is left behind",
            names_are_refused,
        ),
        check(
            "generate/command",
            2,
            "`cargo xtask generate` makes the same project, and refuses what it can't make",
            command_generates,
        )
        .typing(&[GENERATE]),
        check(
            "generate/workspace",
            2,
            "a project joins the workspace it is generated in",
            joins_a_workspace,
        ),
    ]
}

fn names_are_refused(cx: &Context<'_>) -> Outcome {
    for name in [
        "app",
        "core",
        "std",
        "test",
        "fn",
        "async",
        "1abc",
        "a--b",
        "MyService",
        "my service",
        "x",
    ] {
        let folder = tempfile::TempDir::with_prefix("strata-check-")?;
        let what = format!("a project with the name \"{name}\"");
        match cx.source()?.generate(&Request::new(name), folder.path()) {
            Ok(_) => return Err(Failure::new("a name that cannot work is accepted", what)),
            Err(error) if !format!("{error:#}").contains("Accepted: ") => {
                return Err(
                    Failure::new("a refusal does not say what is accepted", what)
                        .at(format!("{error:#}")),
                );
            }
            Err(_) => {}
        }
        if names::check_name(cx.repo(), name).is_ok() {
            return Err(Failure::new(
                "`xtask generate` accepts a name that the hooks refuse",
                what,
            ));
        }
        if std::fs::read_dir(folder.path())?.next().is_some() {
            return Err(Failure::new("a refusal leaves something behind", what));
        }
    }
    Ok(())
}

fn command_generates(cx: &Context<'_>) -> Outcome {
    let name = "my-service";
    let parent = tempfile::TempDir::with_prefix("strata-check-")?;
    let folder = parent.path().join(name);
    let generate = |more: &[&str]| {
        let instead = [("../my-service", &*folder.to_string_lossy())];
        let mut command = cx.typed(GENERATE, cx.repo().root(), &instead);
        command.args(more);
        command
    };
    let refuses = |more: &[&str], what: &str| -> Outcome {
        std::fs::write(&cx.log, "")?;
        if cx.execute(&mut generate(more))?.success() {
            return Err(Failure::new("what can't be made is not refused", what));
        }
        if !std::fs::read_to_string(&cx.log)?.contains("Accepted: ") {
            return Err(Failure::new(
                "a refusal does not say what is accepted",
                what,
            ));
        }
        Ok(())
    };

    for unknown in [["--parts", "examples,nonsense"], ["--ci", "nonsense"]] {
        let what = format!("`cargo xtask generate {}`", unknown.join(" "));
        refuses(&unknown, &what)?;
        if std::fs::read_dir(parent.path())?.next().is_some() {
            return Err(Failure::new("a refusal leaves something behind", what));
        }
    }
    cx.step(&mut generate(&[]), "`cargo xtask generate` fails")?;
    let differences = cx
        .generate(&Request::new(name))?
        .differences(&Tree::read(&folder)?, |_| false);
    if let Some(first) = differences.first() {
        return Err(Failure::new(
            "it makes another project than cargo-generate's library",
            "`cargo xtask generate`",
        )
        .at(first.to_string()));
    }
    refuses(&[], "`cargo xtask generate` into an existing folder")
}

fn joins_a_workspace(cx: &Context<'_>) -> Outcome {
    let folder = tempfile::TempDir::with_prefix("strata-check-")?;
    let manifest = folder.path().join("Cargo.toml");
    std::fs::write(&manifest, "[workspace]\nresolver = \"3\"\nmembers = []\n")?;
    cx.source()?.generate(
        &Request::new("member-svc").joining_the_workspace(),
        folder.path(),
    )?;
    is_a_member(cx, folder.path(), "member-svc")
}

/// Whether cargo sees a project in a workspace.
pub(super) fn is_a_member(cx: &Context<'_>, workspace: &Path, name: &str) -> Outcome {
    let what = "a project generated in a folder with a workspace";
    let (status, output) = cx.output(&mut cx.cargo(
        workspace,
        [
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ],
    ))?;
    if !status.success() {
        return Err(Failure::new("cargo cannot read the workspace", what).at("Cargo.toml"));
    }
    let metadata: serde_json::Value = serde_json::from_str(&output)?;
    let names: Vec<&str> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|package| package["name"].as_str())
        .collect();
    if names != [name] {
        return Err(
            Failure::new("the project is no member of the workspace", what)
                .at(format!("members are {names:?}")),
        );
    }
    let manifest = std::fs::read_to_string(workspace.join(name).join("Cargo.toml"))?;
    if twins::package(&manifest, "name")? != name {
        return Err(
            Failure::new("the member has another name", what).at(format!("{name}/Cargo.toml"))
        );
    }
    Ok(())
}

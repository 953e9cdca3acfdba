//! `policy/*`: what dependencies and commits have to be like.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::delivered::{just, path_with};
use crate::checks::{check, long_check, readme};
use crate::context::Context;
use crate::generate::Request;
use crate::runner::say;
use crate::tools;

const PRE_COMMIT: &str = "4.7.0";

const JUST_DENY: &str = "just deny";
/// What that does.
pub(super) const DENY: &str = "cargo deny check";
const HOOKS: &str = "just hooks";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "policy/hooks",
            10,
            "the hooks let a fresh project be committed, and refuse keys, passwords and code that is not formatted",
            hooks_refuse,
        )
        .typing(&[HOOKS]),
        long_check(
            "policy/deny",
            40,
            "the dependencies of projects, of this tool and of the benchmark's server keep to deny.toml; known vulnerabilities only where RustSec's database can be fetched",
            |cx| {
                let project = TempDir::with_prefix("strata-check-")?;
                cx.generate(&Request::new("deny-svc"))?
                    .write_to(project.path())?;
                dependencies(cx, project.path(), JUST_DENY)?;
                let root = cx.repo().root();
                dependencies(cx, &root.join("xtask"), DENY)?;
                dependencies(cx, &root.join("bench/reference/bare"), DENY)
            },
        )
        .typing(&[JUST_DENY, DENY]),
    ]
}

/// Looks at the dependencies of a project, with a line that asks for all of it.
pub(super) fn dependencies(cx: &Context<'_>, project: &Path, line: &'static str) -> Outcome {
    let deny = tools::cargo_deny(cx)?;
    let just = just(cx)?;
    let path = path_with(&[&deny, &just])?;
    let before = fs::read_to_string(&cx.log)?.len();
    if cx
        .execute(cx.typed(line, project, &[]).env("PATH", &path))?
        .success()
    {
        return Ok(());
    }
    let said = fs::read_to_string(&cx.log)?.split_off(before);
    if !said.contains(NOT_FETCHED) {
        return Err(Failure::new(
            "the dependencies are not what deny.toml asks for",
            line,
        ));
    }
    say("        without known vulnerabilities: RustSec's database can't be fetched here");
    let mut rest = program("cargo", project);
    rest.args(["deny", "--offline", "check", "bans", "licenses", "sources"]);
    cx.step(
        rest.env("PATH", &path),
        "the dependencies are not what deny.toml asks for",
    )
}

/// What cargo-deny says where it doesn't reach the database of vulnerabilities.
const NOT_FETCHED: &str = "failed to fetch advisory database";

fn hooks_refuse(cx: &Context<'_>) -> Outcome {
    let folder = TempDir::with_prefix("strata-check-")?;
    let project = folder.path();
    // All that a project can have: looking at it takes a while.
    let mut files = cx.generate(&Request::new("hooks-svc").parts(cx.repo().parts()))?;
    for pipeline in cx.repo().pipelines() {
        files
            .0
            .extend(cx.generate(&Request::new("hooks-svc").ci(&pipeline))?.0);
    }
    files.write_to(project)?;
    install_hooks(cx, project)?;
    if !try_to_commit(cx, project)? {
        let what = "`git commit` of a project as it was generated";
        return Err(Failure::new("the hooks refuse a fresh project", what));
    }

    // Put together here, so that this file is no finding.
    let access_key = ["AWS_ACCESS_KEY_ID=AKIA", "QYLPMN5HHHFPZAM2"].concat();
    let private_key = ["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"].concat();
    let password = ["DATABASE_PASS", "WORD=8Zb2kQw91Lr7mTq"].concat();
    let url = ["postgres://app:", "8Zb2kQw91Lr7mTq@db/app\n"].concat();
    for (path, content, reason) in [
        ("env_files/.env.dev", access_key.as_str(), "AWS Access Key"),
        ("deploy.pem", &private_key, "Private Key"),
        ("env_files/.env.prod", &password, "Secret Keyword"),
        ("docs/notes.md", &url, "Basic Auth Credentials"),
        ("src/main.rs", "fn  odd( ){}\n", "cargo fmt"),
    ] {
        let what = format!("`git commit` of {path} with something that must not go in ({reason})");
        let file = project.join(path);
        let original = fs::read_to_string(&file).ok();
        let begin = original.clone().unwrap_or_default();
        fs::write(&file, begin + content)?;
        let seen = fs::read_to_string(&cx.log)?.len();
        let is_in = try_to_commit(cx, project)?;
        let said = fs::read_to_string(&cx.log)?.split_off(seen);
        if is_in || !said.contains(reason) {
            return Err(Failure::new("the hooks let through what must not go in", what).at(path));
        }
        match original {
            Some(original) => fs::write(&file, original)?,
            None => fs::remove_file(&file)?,
        }
    }
    Ok(())
}

/// Switches the hooks on, as an owner does.
fn install_hooks(cx: &Context<'_>, project: &Path) -> Outcome {
    let pre_commit = tools::python(cx, "pre-commit", PRE_COMMIT, "pre-commit")?;
    let just = just(cx)?;
    cx.step(
        program("git", project).args(["init", "--quiet"]),
        "git fails",
    )?;
    let mut hooks = cx.typed(HOOKS, project, &[]);
    hooks.env("PATH", path_with(&[&just, &pre_commit])?);
    cx.step(&mut hooks, "the hooks can't be installed")
}

/// Commits everything; whether the hooks let it.
fn try_to_commit(cx: &Context<'_>, project: &Path) -> Result<bool> {
    let mut add = program("git", project);
    if !cx.execute(add.args(["add", "--all"]))?.success() {
        anyhow::bail!("git fails; see {}", cx.log.display());
    }
    let mut commit = readme::commit(project);
    Ok(cx.execute(in_cache(cx, &mut commit))?.success())
}

/// Keeps what the hooks install between runs.
fn in_cache<'c>(cx: &Context<'_>, command: &'c mut Command) -> &'c mut Command {
    let folder = cx
        .shared
        .cache
        .tools()
        .join(format!("pre-commit-{PRE_COMMIT}-hooks"));
    command.env("PRE_COMMIT_HOME", folder)
}

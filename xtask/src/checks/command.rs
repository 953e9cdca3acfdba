//! `command/*`: the real `cargo generate`, as somebody uses it who has installed it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, generating};
use crate::context::Context;
use crate::generate::{Request, Source};
use crate::tools;
use crate::tree::Tree;

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "command/cargo-generate",
        20,
        "cargo generate makes the same project: from a path, from git, in a workspace",
        real_command,
    )]
}

const NAME: &str = "aaa-svc";

fn real_command(cx: &Context<'_>) -> Outcome {
    let expected = cx.generate(&Request::new(NAME))?;
    let source = Source::copy_of(cx.repo())?;
    let places = tempfile::TempDir::with_prefix("strata-check-")?;
    let place = |name: &str| -> Result<std::path::PathBuf> {
        let folder = places.path().join(name);
        std::fs::create_dir(&folder)?;
        Ok(folder)
    };

    // What lies about in a checkout that somebody works in must not travel.
    for leftover in [
        "template/target/debug/strata-service",
        "template/local.db",
        "template/local.db-wal",
        "env_files/.env.local",
        "xtask/target/debug/xtask",
    ] {
        let path = source.path().join(leftover);
        std::fs::create_dir_all(path.parent().unwrap_or(source.path()))?;
        std::fs::write(path, "leftover")?;
    }
    let folder = place("from-a-path")?;
    let mut command = generate(
        cx,
        &folder,
        NAME,
        &["--path", &source.path().display().to_string()],
    )?;
    cx.step(&mut command, "cargo generate --path fails")?;
    is_the_same(
        cx,
        &expected,
        &folder,
        "`cargo generate --path`, beside what the library made",
    )?;
    if cx.execute(&mut command)?.success() {
        return Err(Failure::new(
            "an existing destination is accepted",
            "`cargo generate` twice in one folder",
        ));
    }
    is_the_same(
        cx,
        &expected,
        &folder,
        "the project after a second `cargo generate`, which was refused",
    )?;

    let url = format!(
        "file://{}",
        make_repository(cx, &place("repository")?)?.display()
    );
    let folder = place("from-git")?;
    cx.step(
        &mut generate(cx, &folder, NAME, &["--git", &url])?,
        "cargo generate --git fails",
    )?;
    is_the_same(
        cx,
        &expected,
        &folder,
        "`cargo generate --git`, beside what the library made",
    )?;

    let folder = place("workspace")?;
    std::fs::write(
        folder.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = []\n",
    )?;
    cx.step(
        &mut generate(cx, &folder, NAME, &["--git", &url])?,
        "cargo generate fails in a workspace",
    )?;
    generating::is_a_member(cx, &folder, NAME)?;

    let folder = place("refused")?;
    let mut refused = generate(cx, &folder, "app", &["--git", &url])?;
    if cx.execute(&mut refused)?.success() {
        return Err(Failure::new(
            "a name that cannot work is accepted",
            "`cargo generate --name app`",
        ));
    }
    if std::fs::read_dir(&folder)?.next().is_some() {
        return Err(Failure::new(
            "a refusal leaves something behind",
            "`cargo generate --name app`",
        ));
    }
    if !std::fs::read_to_string(&cx.log)?.contains("Accepted: ") {
        return Err(Failure::new(
            "a refusal does not say what is accepted",
            "`cargo generate --name app`",
        ));
    }
    Ok(())
}

/// `cargo generate … --silent` in a folder.
fn generate(cx: &Context<'_>, folder: &Path, name: &str, template: &[&str]) -> Result<Command> {
    let mut command = program(tools::cargo_generate(cx)?, folder);
    command
        .arg("generate")
        .args(template)
        .args(["--name", name, "--silent"]);
    command.env("USER", "strata").env("RUST_BACKTRACE", "0"); // containers often have no USER
    Ok(command)
}

/// The files of this checkout as a repository of their own, as a clone of it would be.
fn make_repository(cx: &Context<'_>, folder: &Path) -> Result<std::path::PathBuf> {
    cx.repo().copy_to(folder)?;
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all", "--force"],
        &[
            "-c",
            "user.name=strata",
            "-c",
            "user.email=strata@localhost",
            "-c",
            "commit.gpgsign=false",
            "commit",
            "--quiet",
            "--message=The template",
        ],
    ] {
        if !cx
            .execute(program("git", folder).args(arguments))?
            .success()
        {
            anyhow::bail!("git fails; see {}", cx.log.display());
        }
    }
    Ok(folder.to_path_buf())
}

fn is_the_same(cx: &Context<'_>, expected: &Tree, folder: &Path, what: &str) -> Outcome {
    let made = Tree::read(&folder.join(NAME))?;
    let differences = expected.differences(&made, |_| false);
    for difference in &differences {
        cx.note(&difference.to_string())?;
    }
    match differences.first() {
        Some(first) => Err(
            Failure::new("cargo generate makes something else than xtask", what)
                .at(first.to_string()),
        ),
        None => Ok(()),
    }
}

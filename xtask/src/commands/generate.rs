//! `cargo xtask generate`: a project from this checkout, without the `cargo generate` command.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cli::GenerateOptions;
use crate::generate::{Request, Source};
use crate::names;
use crate::process::Child;
use crate::repo::Repo;

pub(crate) fn run(options: &GenerateOptions) -> Result<ExitCode> {
    let begun = Instant::now();
    let repo = Repo::find()?;
    names::check_name(&repo, &options.name)?;
    let parts = names::parts(&repo, options.parts.as_deref())?;
    let pipeline = names::pipeline(&repo, options.ci.as_deref())?;
    let folder = options
        .dir
        .clone()
        .unwrap_or_else(|| options.name.clone().into());

    let mut request = Request::new(&options.name)
        .parts(parts.clone())
        .ci(&pipeline)
        .joining_the_workspace();
    request.description.clone_from(&options.description);
    into_folder(&repo, &request, &folder)?;
    start_history(&folder)?;

    println!(
        "generated   {} in {:.1} s: {}",
        describe(&options.name, &parts),
        begun.elapsed().as_secs_f32(),
        folder.display()
    );
    println!("next        cd {} && cargo run", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// `my-service (parts: examples)`.
pub(crate) fn describe(name: &str, parts: &[String]) -> String {
    if parts.is_empty() {
        format!("{name} (no parts)")
    } else {
        format!("{name} (parts: {})", parts.join(", "))
    }
}

/// Generates into a folder of any name, which must not exist yet.
pub(crate) fn into_folder(repo: &Repo, request: &Request, folder: &Path) -> Result<()> {
    if folder.exists() {
        bail!(
            "{} exists already. Accepted: a folder that is not there yet (--dir).",
            folder.display()
        );
    }
    let folder = std::path::absolute(folder)?;
    let parent = folder
        .parent()
        .context("the root of the file system cannot be a project")?;
    if !parent.is_dir() {
        bail!(
            "there is no folder {}. Accepted: a new folder in one that exists (--dir).",
            parent.display()
        );
    }
    let source = Source::copy_of(repo)?;
    let is_named_so = folder
        .file_name()
        .is_some_and(|name| name == request.name.as_str());
    if is_named_so && request.join_workspace {
        let made = source.generate(request, parent);
        if made.is_err() && folder.exists() {
            std::fs::remove_dir_all(&folder)?; // half made
        }
        made?;
    } else {
        // Made beside its place and renamed: cargo-generate names the folder after the project, and what is interrupted leaves nothing.
        let aside = TempDir::with_prefix_in(".strata-", parent)?;
        let mut request = request.clone();
        request.join_workspace = false; // under a name that it will not keep
        std::fs::rename(source.generate(&request, aside.path())?, &folder)?;
    }
    Ok(())
}

/// A new git history, as cargo-generate makes one, unless the folder is part of one or there is no git.
fn start_history(folder: &Path) -> Result<()> {
    let git = |arguments: &[&str]| -> Result<bool> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(folder)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        match Child::spawn(&mut command) {
            Ok(mut child) => Ok(child
                .wait(Instant::now() + std::time::Duration::from_secs(30), || {})?
                .success()),
            Err(_) => Ok(true), // no git: nothing to do
        }
    };
    if !git(&["rev-parse", "--is-inside-work-tree"])? {
        git(&["init", "--quiet"])?;
    }
    Ok(())
}

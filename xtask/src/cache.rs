//! Where compiled dependencies, installed tools and logs are kept: outside the tree, under cargo's own home.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::cargo;
use crate::repo::Repo;

/// The folders this tool works in.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    build: PathBuf,
    tools: PathBuf,
}

impl Cache {
    /// The cache of this checkout.
    pub(crate) fn of(repo: &Repo) -> Result<Self> {
        let build = build_folder(&repo.template())?;
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home
            .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
            .context("there is no home folder")?;
        Ok(Self {
            build,
            tools: home.join("strata-tools"),
        })
    }

    /// Where everything of this checkout is compiled.
    pub(crate) fn build(&self) -> &Path {
        &self.build
    }

    /// A folder for what the checks of this checkout make.
    pub(crate) fn checks(&self, what: &str) -> PathBuf {
        self.build.join("checks").join(what)
    }

    /// A folder for tools of a fixed version, which all checkouts share.
    pub(crate) fn tools(&self) -> &Path {
        &self.tools
    }

    /// Makes cargo compile into the folder that the template in place uses, so that dependencies are compiled once for
    /// all. What it finally links goes to a folder of `owner`.
    ///
    /// Cargo tells packages in one build folder apart by name, not by place: different sources need different names.
    pub(crate) fn share_builds<'c>(
        &self,
        command: &'c mut Command,
        owner: &str,
    ) -> &'c mut Command {
        command
            .env("CARGO_BUILD_BUILD_DIR", &self.build)
            .env("CARGO_TARGET_DIR", self.checks("targets").join(owner))
    }
}

/// Where cargo compiles a workspace.
fn build_folder(workspace: &Path) -> Result<PathBuf> {
    let arguments = "metadata --format-version 1 --no-deps --offline";
    let output = cargo(workspace, arguments.split(' ')).output()?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("cargo metadata in {}: {said}", workspace.display())
        })?;
    let folder = |key: &str| metadata[key].as_str().map(PathBuf::from);
    // Before Rust 1.91 there is no build folder of its own.
    folder("build_directory")
        .or_else(|| folder("target_directory"))
        .context("cargo names no build folder")
}

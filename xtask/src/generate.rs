//! Generating a project with cargo-generate's library.
//!
//! It runs in a process of its own (this tool, started again): the library prints while it works and takes the user's name
//! and other answers from the environment, of which that process gets a clean one.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cargo_generate::{GenerateArgs, TemplatePath, Vcs};
use tempfile::TempDir;

use crate::process::Child;
use crate::repo::Repo;

/// A generation takes a fraction of a second.
const LIMIT: Duration = Duration::from_mins(2);

/// What a project is to be.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    /// None: what `cargo-generate.toml` says.
    pub(crate) parts: Option<Vec<String>>,
    /// None: what `cargo-generate.toml` says.
    pub(crate) ci: Option<String>,
    /// None: what `cargo-generate.toml` says.
    pub(crate) description: Option<String>,
    /// Add the project to the workspace it stands in, as cargo-generate does.
    pub(crate) join_workspace: bool,
}

impl Request {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parts: None,
            ci: None,
            description: None,
            join_workspace: false,
        }
    }

    pub(crate) fn parts(mut self, parts: Vec<String>) -> Self {
        self.parts = Some(parts);
        self
    }

    pub(crate) fn ci(mut self, pipeline: &str) -> Self {
        self.ci = Some(pipeline.to_owned());
        self
    }

    pub(crate) fn description(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    pub(crate) fn joining_the_workspace(mut self) -> Self {
        self.join_workspace = true;
        self
    }

    /// The answers as cargo-generate takes them with `-d`.
    pub(crate) fn definitions(&self) -> Vec<String> {
        let parts = self
            .parts
            .as_ref()
            .map(|parts| format!("parts={}", parts.join(",")));
        let ci = self.ci.as_ref().map(|pipeline| format!("ci={pipeline}"));
        let description = self
            .description
            .as_ref()
            .map(|description| format!("description={description}"));
        parts.into_iter().chain(ci).chain(description).collect()
    }
}

/// What cargo-generate reads: a copy of the files that git would see.
#[derive(Debug)]
pub(crate) struct Source {
    folder: TempDir,
}

impl Source {
    pub(crate) fn copy_of(repo: &Repo) -> Result<Self> {
        let folder =
            TempDir::with_prefix("strata-source-").context("cannot create a temporary folder")?;
        repo.copy_to(folder.path())?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Generates a project into `parent`, in a folder of its name; returns that folder.
    ///
    /// The error of a refusal is what cargo-generate said.
    pub(crate) fn generate(&self, request: &Request, parent: &Path) -> Result<PathBuf> {
        let home =
            TempDir::with_prefix("strata-generate-").context("cannot create a temporary folder")?;
        let settings = home.path().join("cargo-generate.toml");
        let output = home.path().join("output");
        std::fs::write(&settings, "")?;
        let log = std::fs::File::create(&output)?;

        let mut command =
            Command::new(std::env::current_exe().context("cannot find this tool's own file")?);
        command
            .arg("cargo-generate")
            .arg("--source")
            .arg(self.path())
            .arg("--settings")
            .arg(&settings);
        command
            .arg("--destination")
            .arg(parent)
            .arg("--name")
            .arg(&request.name);
        if request.join_workspace {
            command.arg("--join-workspace");
        }
        for definition in request.definitions() {
            command.arg("--define").arg(definition);
        }
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("CARGO_GENERATE_") {
                command.env_remove(key);
            }
        }
        // Containers often have none, and the library insists on an author.
        command
            .env("USER", "strata")
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);

        let status = Child::spawn(&mut command)?.wait(Instant::now() + LIMIT, || {})?;
        if !status.success() {
            bail!(std::fs::read_to_string(&output)?.trim().to_owned());
        }
        Ok(parent.join(&request.name))
    }
}

/// The same as [`Request`], as the child gets it.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildRequest {
    #[arg(long)]
    source: String,
    #[arg(long)]
    settings: PathBuf,
    #[arg(long)]
    destination: PathBuf,
    #[arg(long)]
    name: String,
    #[arg(long)]
    define: Vec<String>,
    #[arg(long)]
    join_workspace: bool,
}

/// What the child does.
pub(crate) fn in_this_process(request: ChildRequest) -> Result<ExitCode> {
    cargo_generate::generate(GenerateArgs {
        template_path: TemplatePath {
            path: Some(request.source),
            ..TemplatePath::default()
        },
        name: Some(request.name),
        silent: true,
        config: Some(request.settings),
        vcs: Some(Vcs::None),
        define: request.define,
        destination: Some(request.destination),
        no_workspace: !request.join_workspace,
        no_fmt: true, // it would hide our own faults from the check of the formatting
        ..GenerateArgs::default()
    })?;
    Ok(ExitCode::SUCCESS)
}

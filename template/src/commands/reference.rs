//! The checked-in copies of what the code says: the settings, the routes, the `OpenAPI` document, the metrics.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use super::output::print_line;
use crate::core::config::Sources;

#[derive(Debug, Args)]
pub(super) struct CopiesArgs {
    /// Write the checked-in copies anew
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Fail if a checked-in copy is not what the code says
    #[arg(long)]
    check: bool,
}

/// Files that are made from the code and checked in.
pub(super) struct Copies {
    /// The command that makes them, such as `routes`.
    command: &'static str,
    /// Where each stands and what it should hold.
    files: Vec<(PathBuf, String)>,
    /// Directories in which nothing else may stand: a file that no code makes any more is refused, and removed when writing.
    owned: Vec<PathBuf>,
}

impl Copies {
    pub(super) fn new(command: &'static str) -> Self {
        Self {
            command,
            files: Vec::new(),
            owned: Vec::new(),
        }
    }

    pub(super) fn file(mut self, path: PathBuf, text: impl Into<String>) -> Self {
        self.files.push((path, text.into()));
        self
    }

    /// Adds a directory's files, by name; it holds nothing else.
    pub(super) fn directory(
        mut self,
        path: PathBuf,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let files = files
            .into_iter()
            .map(|(name, text)| (path.join(name), text));
        self.files.extend(files);
        self.owned.push(path);
        self
    }

    /// Does what the arguments ask for.
    pub(super) fn run(
        &self,
        arguments: &CopiesArgs,
        otherwise: impl FnOnce(),
    ) -> anyhow::Result<()> {
        match arguments {
            CopiesArgs { write: true, .. } => self.write(),
            CopiesArgs { check: true, .. } => self.check(),
            CopiesArgs { .. } => {
                otherwise();
                Ok(())
            }
        }
    }

    fn write(&self) -> anyhow::Result<()> {
        let mut changed = 0;
        for (path, text) in &self.files {
            if fs::read_to_string(path).ok().as_ref() != Some(text) {
                let parent = path.parent().unwrap_or(Path::new(""));
                fs::create_dir_all(parent)
                    .with_context(|| format!("can't create {}", parent.display()))?;
                fs::write(path, text).with_context(|| format!("can't write {}", path.display()))?;
                print_line(&format!("wrote    {}", path.display()));
                changed += 1;
            }
        }
        for path in self.left_over()? {
            fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
            print_line(&format!("removed  {}", path.display()));
            changed += 1;
        }
        print_line(&format!("{} files, {changed} changed", self.files.len()));
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        let differs = |(path, text): &&(PathBuf, String)| {
            fs::read_to_string(path).ok().as_ref() != Some(text)
        };
        let different = self
            .files
            .iter()
            .filter(differs)
            .map(|(path, _)| path.clone());
        let wrong: Vec<String> = different
            .chain(self.left_over()?)
            .map(|path| path.display().to_string())
            .collect();
        if !wrong.is_empty() {
            bail!(
                "not what the code says: {}; `cargo run -- {} --write` brings it up to date",
                wrong.join(", "),
                self.command
            );
        }
        print_line(&format!(
            "{} files are what the code says",
            self.files.len()
        ));
        Ok(())
    }

    /// Files in our directories that no code makes any more.
    fn left_over(&self) -> anyhow::Result<Vec<PathBuf>> {
        let known: BTreeSet<&Path> = self.files.iter().map(|(path, _)| path.as_path()).collect();
        let mut left_over = Vec::new();
        for directory in &self.owned {
            let entries = match fs::read_dir(directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("can't read {}", directory.display()));
                }
            };
            for entry in entries {
                let path = entry?.path();
                if path.is_file() && !known.contains(path.as_path()) {
                    left_over.push(path);
                }
            }
        }
        left_over.sort();
        Ok(left_over)
    }
}

/// The directory of the env files, which says where the project is.
pub(super) fn config_dir() -> PathBuf {
    Sources::of_process()
        .config_dir()
        .map_or_else(PathBuf::new, Path::to_owned)
}

/// The project's docs/reference, beside the env files.
pub(super) fn reference_dir() -> PathBuf {
    config_dir()
        .parent()
        .unwrap_or(Path::new(""))
        .join("docs/reference")
}

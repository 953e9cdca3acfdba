//! The repository: where it is, which files it has, and what `cargo-generate.toml` says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ignore::WalkBuilder;

/// A checkout of the template.
#[derive(Debug)]
pub(crate) struct Repo {
    root: PathBuf,
    config: toml::Table,
}

impl Repo {
    /// The checkout this tool belongs to.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets the variable when it runs the tool; what was compiled in is where it was built.
        let xtask = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask)
            .parent()
            .context("xtask/ stands at the root of the file system")?;
        let path = root.join("cargo-generate.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let config = text
            .parse()
            .with_context(|| format!("{} is not valid TOML", path.display()))?;
        Ok(Self {
            root: root.to_path_buf(),
            config,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The template in place.
    pub(crate) fn template(&self) -> PathBuf {
        self.root.join("template")
    }

    /// Every file that git would see, tracked or new, by its path from the root; what `.gitignore` names is left out.
    pub(crate) fn files(&self) -> Result<BTreeSet<String>> {
        let walk = WalkBuilder::new(&self.root)
            .hidden(false)
            .parents(false)
            .require_git(false) // so that an unpacked archive does, too
            .filter_entry(|entry| entry.file_name() != ".git")
            .build();
        let mut files = BTreeSet::new();
        for entry in walk {
            let entry = entry?;
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                let path = entry.path().strip_prefix(&self.root)?;
                files.insert(
                    path.to_str()
                        .with_context(|| format!("{} is not UTF-8", path.display()))?
                        .to_owned(),
                );
            }
        }
        Ok(files)
    }

    /// Copies [`files`](Self::files) into a folder: what cargo-generate would see in a fresh clone.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<()> {
        for file in self.files()? {
            let target = folder.join(&file);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::copy(self.root.join(&file), target)?;
        }
        Ok(())
    }

    /// The parts there are, in the order in which they are asked for.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.strings(&["placeholders", "parts", "choices"])
    }

    /// The parts of a project when nothing is said.
    pub(crate) fn default_parts(&self) -> Vec<String> {
        self.strings(&["placeholders", "parts", "default"])
    }

    /// The pipelines to choose from.
    pub(crate) fn pipelines(&self) -> Vec<String> {
        self.strings(&["placeholders", "ci", "choices"])
    }

    /// The pipeline of a project when nothing is said.
    pub(crate) fn default_pipeline(&self) -> String {
        let ci = self
            .config
            .get("placeholders")
            .and_then(|all| all.get("ci"));
        let default = ci.and_then(|ci| ci.get("default"));
        default
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// The files that are rendered, by their path in a project.
    pub(crate) fn rendered(&self) -> BTreeSet<String> {
        self.strings(&["template", "include"])
            .iter()
            .map(|path| path.trim_start_matches('/').to_owned())
            .collect()
    }

    /// For each part, what a project without it leaves out: files and folders, by their path in a project.
    pub(crate) fn left_out_without(&self) -> BTreeMap<String, Vec<String>> {
        self.parts()
            .into_iter()
            .map(|part| {
                let condition = format!("!parts.contains(\"{part}\")");
                let paths = self.strings(&["conditional", &condition, "ignore"]);
                (part, paths)
            })
            .collect()
    }

    /// For each pipeline, what a project with another one leaves out.
    pub(crate) fn left_out_unless(&self) -> BTreeMap<String, Vec<String>> {
        self.pipelines()
            .into_iter()
            .map(|pipeline| {
                let condition = format!("ci != \"{pipeline}\"");
                let paths = self.strings(&["conditional", &condition, "ignore"]);
                (pipeline, paths)
            })
            .collect()
    }

    /// The names of what is asked for.
    pub(crate) fn placeholders(&self) -> Vec<String> {
        self.config
            .get("placeholders")
            .and_then(toml::Value::as_table)
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    }

    fn strings(&self, keys: &[&str]) -> Vec<String> {
        let mut table = &self.config;
        let Some((last, way)) = keys.split_last() else {
            return Vec::new();
        };
        for key in way {
            match table.get(*key).and_then(toml::Value::as_table) {
                Some(next) => table = next,
                None => return Vec::new(),
            }
        }
        let values = table.get(*last).and_then(toml::Value::as_array);
        values
            .into_iter()
            .flatten()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    }
}

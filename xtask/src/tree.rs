//! Folders as what is in them: comparing two, and making one like another.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

/// The files below a folder, by their path from it, with what they contain.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Vec<u8>>);

impl Tree {
    /// Reads a folder; `.git` at its top is left out.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_below(folder, "")?;
        Ok(tree)
    }

    fn read_below(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = format!(
                "{prefix}{}",
                entry
                    .file_name()
                    .to_str()
                    .context("a file name is not UTF-8")?
            );
            if entry.file_type()?.is_dir() {
                if path != ".git" {
                    self.read_below(&entry.path(), &format!("{path}/"))?;
                }
            } else {
                self.0.insert(path, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// What the other one has more, less, or different, except the content of files that `may_differ` names.
    pub(crate) fn differences(
        &self,
        other: &Self,
        may_differ: impl Fn(&str) -> bool,
    ) -> Vec<Difference> {
        let mut found = Vec::new();
        for (path, content) in &self.0 {
            match other.0.get(path) {
                None => found.push(Difference::Missing(path.clone())),
                Some(theirs) if theirs != content && !may_differ(path) => {
                    found.push(Difference::Content {
                        path: path.clone(),
                        line: first_different_line(content, theirs),
                    });
                }
                Some(_) => {}
            }
        }
        found.extend(
            other
                .0
                .keys()
                .filter(|path| !self.0.contains_key(*path))
                .map(|path| Difference::Surplus(path.clone())),
        );
        found
    }

    /// Makes a folder contain this and nothing else. A file that is right already is not touched, so that cargo sees by
    /// the time of its last change that it need not be compiled again.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let present = Self::read(folder)?;
        for path in present.0.keys().filter(|path| !self.0.contains_key(*path)) {
            std::fs::remove_file(folder.join(path))?;
        }
        for (path, content) in &self.0 {
            if present.0.get(path) != Some(content) {
                let target = folder.join(path);
                if let Some(parent) = target.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(&target, content)
                    .with_context(|| format!("cannot write {}", target.display()))?;
            }
        }
        Ok(())
    }
}

/// How one tree is not like another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    Missing(String),
    Surplus(String),
    Content { path: String, line: usize },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{path} is missing"),
            Self::Surplus(path) => write!(f, "{path} should not be there"),
            Self::Content { path, line } => write!(f, "{path}:{line} is different"),
        }
    }
}

fn first_different_line(ours: &[u8], theirs: &[u8]) -> usize {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b);
    1 + same.filter(|(byte, _)| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree(
            files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
                .collect(),
        )
    }

    #[test]
    fn a_comparison_names_what_is_missing_surplus_and_different() {
        let expected = tree(&[("a", "1"), ("b", "x\ny\nz"), ("rendered", "{{name}}")]);
        let actual = tree(&[("b", "x\ny\nZ"), ("c", ""), ("rendered", "me")]);
        let found = expected.differences(&actual, |path| path == "rendered");
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["a is missing", "b:3 is different", "c should not be there"]
        );
    }

    #[test]
    fn writing_touches_only_what_changed_and_removes_what_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        tree(&[("same", "1"), ("sub/changed", "1"), ("gone", "1")])
            .write_to(folder.path())
            .unwrap();
        let before = std::fs::metadata(folder.path().join("same"))
            .unwrap()
            .modified()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let wanted = tree(&[("same", "1"), ("sub/changed", "2"), ("new", "1")]);
        wanted.write_to(folder.path()).unwrap();
        assert_eq!(Tree::read(folder.path()).unwrap(), wanted);
        assert_eq!(
            std::fs::metadata(folder.path().join("same"))
                .unwrap()
                .modified()
                .unwrap(),
            before
        );
    }
}

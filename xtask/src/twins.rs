//! The twins of `Cargo.toml` and `Cargo.lock`: what cargo-generate renders instead of the files that cargo reads in place.
//!
//! They differ from those files in the project's name and description only, so they are written, never edited.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;

const NAME: &str = "{{project-name}}";
/// A TOML string on one line, whatever somebody types.
const DESCRIPTION: &str =
    r#"{{description | strip_newlines | replace: '\', '\\' | replace: '"', '\"'}}"#;

/// A twin that is derived from the file beside it.
pub(crate) struct Twin {
    pub(crate) path: PathBuf,
    /// What it has to contain.
    pub(crate) content: String,
}

impl Twin {
    /// Whether the file says what it has to.
    pub(crate) fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|content| content == self.content)
    }
}

/// The twins as they follow from the files in place.
pub(crate) fn derive(repo: &Repo) -> Result<Vec<Twin>> {
    let read = |name: &str| {
        let path = repo.template().join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let manifest = read("Cargo.toml")?;
    let lock = read("Cargo.lock")?;
    let name = package(&manifest, "name")?;
    let description = package(&manifest, "description")?;

    let name_line = format!("name = \"{name}\"\n");
    let with_name = manifest.replacen(&name_line, &format!("name = \"{NAME}\"\n"), 1);
    let description_line = format!("description = \"{description}\"\n");
    if !manifest.contains(&name_line) || !manifest.contains(&description_line) {
        bail!(
            "template/Cargo.toml: `name` and `description` have to stand on a line of their own, as \"…\""
        );
    }
    let manifest = with_name.replacen(
        &description_line,
        &format!("description = \"{DESCRIPTION}\"\n"),
        1,
    );
    if lock.matches(&name_line).count() != 1 {
        bail!("template/Cargo.lock: {name} should be there once; run `cargo check` in template/");
    }
    let lock = lock.replacen(&name_line, &format!("name = \"{NAME}\"\n"), 1);

    let twin = |name: &str, content| Twin {
        path: repo.template().join(format!("{name}.liquid")),
        content,
    };
    Ok(vec![twin("Cargo.toml", manifest), twin("Cargo.lock", lock)])
}

/// A key of `[package]`.
pub(crate) fn package(manifest: &str, key: &str) -> Result<String> {
    let table: toml::Table = manifest.parse().context("Cargo.toml is not valid TOML")?;
    let value = table
        .get("package")
        .and_then(|package| package.get(key))
        .and_then(toml::Value::as_str);
    value
        .map(str::to_owned)
        .with_context(|| format!("Cargo.toml has no package.{key}"))
}

//! Twins that follow from another file, so that they are written, never edited: mostly what cargo-generate renders instead of the
//! file beside them.
//!
//! Those of `Cargo.toml` and `Cargo.lock` differ in the project's name and description, in what follows from a name that a
//! dependency has, too, and in what only a part needs; that of `.env.example` in the sections of settings that come with a part.
//! That of Prometheus' rules is for its operator.

mod parts;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use self::parts::Needs;
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
    let mut manifest_twin = with_name.replacen(
        &description_line,
        &format!("description = \"{DESCRIPTION}\"\n"),
        1,
    );
    if lock.matches(&name_line).count() != 1 {
        bail!("template/Cargo.lock: {name} should be there once; run `cargo check` in template/");
    }
    let mut lock_twin =
        with_versions(&lock.replacen(&name_line, &format!("name = \"{NAME}\"\n"), 1));
    for needs in Needs::of_parts(&manifest, &repo.parts())? {
        manifest_twin = needs.in_manifest(&manifest_twin);
        lock_twin = needs.in_lock(&lock, &name, &lock_twin)?;
    }

    let twin = |name: &str, content| Twin {
        path: repo.template().join(format!("{name}.liquid")),
        content,
    };
    let mut twins = vec![
        twin("Cargo.toml", manifest_twin),
        twin("Cargo.lock", lock_twin),
    ];
    twins.extend(settings(repo));
    twins.extend(rules(repo));
    Ok(twins)
}

/// The resource that Prometheus' operator reads: its head, and then the groups of the rules, as `just rules` writes it in a project.
fn rules(repo: &Repo) -> Option<Twin> {
    let path = repo
        .root()
        .join("k8s/components/prometheus-rule/prometheus-rule.yaml");
    let rules = repo.template().join("observability/prometheus/rules.yaml");
    let content = with_groups(
        &std::fs::read_to_string(&path).ok()?,
        &std::fs::read_to_string(rules).ok()?,
    )?;
    Some(Twin { path, content })
}

fn with_groups(resource: &str, rules: &str) -> Option<String> {
    const SPEC: &str = "\nspec:\n";
    let (head, _) = resource.split_once(SPEC)?;
    let (_, groups) = rules.split_once("\ngroups:\n")?;
    let lines = groups.split_inclusive('\n');
    let indented = lines.map(|line| if line == "\n" { "" } else { "  " }.to_owned() + line);
    let indented: String = indented.collect();
    Some(format!("{head}{SPEC}  groups:\n{indented}"))
}

/// A Cargo.lock whose dependencies are named with their version if the project has the same name: two packages of one name are
/// told apart by it, and without it `--locked` fails.
fn with_versions(lock: &str) -> String {
    let mut versions = BTreeMap::new();
    let mut name = None;
    let quoted =
        |line: &'_ str, begin: &str| Some(line.strip_prefix(begin)?.strip_suffix('"')?.to_owned());
    for line in lock.lines() {
        if let Some(found) = quoted(line, "name = \"") {
            name = Some(found);
        } else if let (Some(version), Some(name)) = (quoted(line, "version = \""), name.take()) {
            versions.insert(name, version);
        }
    }
    let dependency = |line: &str| -> Option<String> {
        // one that has its version already stands for several of a name
        let name = line.strip_prefix(" \"")?.strip_suffix("\",\n")?;
        let version = versions.get(name)?;
        let condition = format!("{{% if project-name == \"{name}\" %}} {version}{{% endif %}}");
        Some(format!(" \"{name}{condition}\",\n"))
    };
    lock.split_inclusive('\n')
        .map(|line| dependency(line).unwrap_or_else(|| line.to_owned()))
        .collect()
}

/// The twin of `env_files/.env.example`, if a part has settings.
fn settings(repo: &Repo) -> Option<Twin> {
    let path = repo.root().join("env_files/.env.example");
    let example = std::fs::read_to_string(&path).ok()?;
    let left_out = repo.left_out_without();
    let content = with_conditions(&example, |section| {
        // A section's page in the reference goes with its part, and so does the section.
        let page = format!("docs/reference/configuration/{section}.md");
        let owner = left_out.iter().find(|(_, paths)| paths.contains(&page));
        owner.map(|(part, _)| part.clone())
    });
    let path = repo.root().join("env_files/.env.example.liquid");
    (content != example).then_some(Twin { path, content })
}

/// Puts conditions around the sections that belong to a part. A section begins with the empty line before its heading,
/// `# ---- UPSTREAM_ ----`.
fn with_conditions(example: &str, part_of: impl Fn(&str) -> Option<String>) -> String {
    let heading = |line: &str| -> Option<String> {
        let name = line.strip_prefix("# ---- ")?.strip_suffix("_ ----")?;
        Some(name.to_lowercase())
    };
    let mut twin = String::new();
    let mut is_open = false;
    let mut lines = example.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().and_then(|next| heading(next.trim_end()));
        if let Some(section) = next.filter(|_| line == "\n") {
            if std::mem::take(&mut is_open) {
                twin.push_str("{% endif %}");
            }
            if let Some(part) = part_of(&section) {
                twin.push_str("{% if parts contains \"");
                twin.push_str(&part);
                twin.push_str("\" %}");
                is_open = true;
            }
        }
        twin.push_str(line);
    }
    if is_open {
        twin.push_str("{% endif -%}\n"); // a text file ends with a line break; this one is not rendered
    }
    twin
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_named_with_its_version_if_the_project_has_its_name() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"{{project-name}}\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n \"b 2.0.0\",\n]\n";
        let twin = with_versions(lock);
        assert!(
            twin.contains(
                "\n \"a{% if project-name == \"a\" %} 1.2.3{% endif %}\",\n \"b 2.0.0\",\n"
            )
        );
    }

    #[test]
    fn groups_are_put_below_the_spec_of_the_resource() {
        let resource = "kind: PrometheusRule\nspec:\n  groups: []\n";
        let rules = "# Rules\n\ngroups:\n  - name: a\n\n  - name: b\n";
        assert_eq!(
            with_groups(resource, rules).unwrap(),
            "kind: PrometheusRule\nspec:\n  groups:\n    - name: a\n\n    - name: b\n"
        );
    }

    #[test]
    fn sections_of_a_part_get_a_condition_with_the_empty_line_before_them() {
        let example = "# All settings\n\n# ---- A_ ----\n# A_X=\n\n# ---- UP_STREAM_ ----\n#\n# U=\n\n# ---- Z_ ----\n# Z=\n";
        let twin = with_conditions(example, |section| {
            (section == "up_stream").then(|| "examples".to_owned())
        });
        assert_eq!(
            twin,
            "# All settings\n\n# ---- A_ ----\n# A_X=\n{% if parts contains \"examples\" %}\n# ---- UP_STREAM_ ----\n#\n# U=\n{% endif %}\n# ---- Z_ ----\n# Z=\n"
        );
        let last = with_conditions("# A\n\n# ---- U_ ----\n# U=\n", |_| Some("x".to_owned()));
        assert!(last.ends_with("# U=\n{% endif -%}\n"), "{last}");
    }
}

//! What a part alone needs of `Cargo.toml` and `Cargo.lock`.
//!
//! A Cargo feature that is called like a part belongs to it. So do the optional dependencies that no other feature asks for, and
//! the packages that only those bring along.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// A part with a Cargo feature, and the dependencies that go with it.
pub(super) struct Needs {
    part: String,
    dependencies: BTreeSet<String>,
}

impl Needs {
    /// Those of each part.
    pub(super) fn of_parts(manifest: &str, parts: &[String]) -> Result<Vec<Self>> {
        let manifest: toml::Table = manifest.parse().context("Cargo.toml is not valid TOML")?;
        let features = manifest.get("features").and_then(toml::Value::as_table);
        let asked_for = |feature: &toml::Value| -> BTreeSet<String> {
            let wanted = feature.as_array().into_iter().flatten();
            let wanted = wanted.filter_map(|wanted| wanted.as_str()?.strip_prefix("dep:"));
            wanted.map(str::to_owned).collect()
        };
        let needs = parts.iter().filter_map(|part| {
            let features = features?;
            let mut dependencies = asked_for(features.get(part)?);
            for (_, other) in features.iter().filter(|(name, _)| *name != part) {
                dependencies.retain(|dependency| !asked_for(other).contains(dependency));
            }
            let part = part.clone();
            Some(Self { part, dependencies })
        });
        Ok(needs.collect())
    }

    /// Puts conditions around the part's lines of `Cargo.toml`. A comment goes with them if nothing else stands below it.
    pub(super) fn in_manifest(&self, manifest: &str) -> String {
        let mut section = "";
        let mut lines: Vec<(&str, bool)> = Vec::new();
        for line in manifest.split_inclusive('\n') {
            if line.starts_with('[') {
                section = line.trim();
            }
            let key = line.split(" = ").next().unwrap_or_default();
            let is_ours = match section {
                "[features]" => key == self.part,
                "[dependencies]" => self.dependencies.contains(key),
                _ => false,
            };
            lines.push((line, is_ours));
        }
        let is_comment = |line: &str| line.starts_with('#');
        let is_end = |line: &str| is_comment(line) || line == "\n" || line.starts_with('[');
        for at in (0..lines.len()).rev() {
            if is_comment(lines[at].0) {
                let below = lines[at + 1..].iter();
                let mut below = below.skip_while(|(line, _)| is_comment(line)).peekable();
                let is_alone = below.peek().is_some_and(|(line, _)| !is_end(line))
                    && below
                        .take_while(|(line, _)| !is_end(line))
                        .all(|(_, is_ours)| *is_ours);
                lines[at].1 = is_alone;
            }
        }
        self.with_conditions(lines)
    }

    /// Puts conditions around the part's packages in `Cargo.lock`, and what names them. `original` is the file in place, `lock`
    /// its twin so far.
    pub(super) fn in_lock(&self, original: &str, name: &str, lock: &str) -> Result<String> {
        let packages = Packages::read(original)?;
        let gone = packages.gone_without(name, &self.dependencies);
        let becomes_unique = |name: &str| {
            let versions = || packages.0.keys().filter(|key| key.0 == name);
            versions().count() > 1 && versions().filter(|key| !gone.contains(*key)).count() == 1
        };
        let mut lines = Vec::new();
        // a package takes the empty line before it along
        let (head, blocks) = lock
            .split_once("\n[[package]]\n")
            .context("Cargo.lock has no packages")?;
        lines.push((head.to_owned(), false));
        lines.push(("\n".to_owned(), false));
        for block in blocks.split("\n[[package]]\n") {
            let value = |key: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(key));
                line.unwrap_or_default().trim_matches(['"', '=', ' '])
            };
            let package = (value("name").to_owned(), value("version").to_owned());
            let is_gone = gone.contains(&package);
            let is_root = !packages.0.contains_key(&package);
            lines.push(("[[package]]\n".to_owned(), is_gone));
            for line in block.split_inclusive('\n') {
                let quoted = line.strip_prefix(" \"").unwrap_or_default();
                let dependency = quoted.split(['"', ' ', '{']).next().unwrap_or_default();
                let is_ours = is_gone || is_root && self.dependencies.contains(dependency);
                let line = match quoted.strip_suffix("\",\n") {
                    Some(with) if with.contains(' ') && !is_ours && becomes_unique(dependency) => {
                        let version = with.trim_start_matches(dependency);
                        format!(
                            " \"{dependency}{}{version}{{% endif %}}\",\n",
                            self.condition()
                        )
                    }
                    _ => line.to_owned(),
                };
                lines.push((line, is_ours));
            }
            lines.push(("\n".to_owned(), is_gone));
        }
        lines.pop(); // after the last one there is none
        let lines = lines
            .iter()
            .map(|(line, is_ours)| (line.as_str(), *is_ours));
        Ok(self.with_conditions(lines))
    }

    fn condition(&self) -> String {
        format!("{{% if parts contains \"{}\" %}}", self.part)
    }

    fn with_conditions<'l>(&self, lines: impl IntoIterator<Item = (&'l str, bool)>) -> String {
        let mut twin = String::new();
        let mut is_open = false;
        for (line, is_ours) in lines {
            if is_ours != is_open {
                twin += &if is_ours {
                    self.condition()
                } else {
                    "{% endif %}".to_owned()
                };
                is_open = is_ours;
            }
            twin += line;
        }
        if is_open {
            twin += "{% endif -%}\n"; // a text file ends with a line break; this one is not rendered
        }
        twin
    }
}

/// By name and version: what a package of `Cargo.lock` depends on, as it stands there.
struct Packages(BTreeMap<(String, String), Vec<String>>);

impl Packages {
    fn read(lock: &str) -> Result<Self> {
        let lock: toml::Table = lock.parse().context("Cargo.lock is not valid TOML")?;
        let packages = lock.get("package").and_then(toml::Value::as_array);
        let text = |package: &toml::Value, key: &str| {
            let value = package.get(key).and_then(toml::Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let packages = packages.into_iter().flatten().map(|package| {
            let names = package.get("dependencies").and_then(toml::Value::as_array);
            let names = names.into_iter().flatten();
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            let key = (text(package, "name"), text(package, "version"));
            (key, names.collect())
        });
        Ok(Self(packages.collect()))
    }

    /// The packages that nobody needs once the project, which is called so, doesn't depend on these.
    fn gone_without(
        &self,
        project: &str,
        without: &BTreeSet<String>,
    ) -> BTreeSet<(String, String)> {
        let named = |dependency: &str| {
            let mut words = dependency.split(' ');
            let name = words.next().unwrap_or_default();
            let version = words.next();
            let fits = move |key: &&(String, String)| {
                key.0 == name && version.is_none_or(|version| key.1 == version)
            };
            self.0.keys().find(fits)
        };
        let mut reached = BTreeSet::new();
        let mut next: Vec<&(String, String)> =
            self.0.keys().filter(|key| key.0 == project).collect();
        while let Some(key) = next.pop() {
            if reached.insert(key.clone()) {
                let dependencies = self.0.get(key).into_iter().flatten();
                let is_gone = |name: &&String| key.0 == project && without.contains(*name);
                next.extend(
                    dependencies
                        .filter(|name| !is_gone(name))
                        .filter_map(|name| named(name)),
                );
            }
        }
        self.0
            .keys()
            .filter(|key| !reached.contains(*key))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
[features]
# Of all.
tls = [\"dep:rustls\"]
# Of the lab.
lab = [\"dep:histogram\", \"dep:rustls\", \"http/client\"]

[dependencies]
# Serving
http = \"1\"
rustls = { version = \"1\", optional = true }
# Figures
# of the lab
histogram = { version = \"7\", optional = true }

[dev-dependencies]
histogram = \"7\"
";

    const LOCK: &str = "\
version = 4

[[package]]
name = \"a\"
version = \"1.0.0\"
dependencies = [
 \"b 1.0.0\",
]

[[package]]
name = \"b\"
version = \"1.0.0\"

[[package]]
name = \"b\"
version = \"2.0.0\"

[[package]]
name = \"service\"
version = \"0.1.0\"
dependencies = [
 \"a\",
 \"z\",
]

[[package]]
name = \"z\"
version = \"1.0.0\"
dependencies = [
 \"b 2.0.0\",
]
";

    fn needs() -> Needs {
        let parts = ["examples".to_owned(), "lab".to_owned()];
        let mut needs = Needs::of_parts(MANIFEST, &parts).unwrap();
        assert_eq!(needs.len(), 1);
        needs.remove(0)
    }

    #[test]
    fn a_feature_and_what_only_it_asks_for_belong_to_the_part_of_its_name() {
        let needs = needs();
        assert_eq!(needs.part, "lab");
        assert_eq!(needs.dependencies, BTreeSet::from(["histogram".to_owned()]));
        assert_eq!(
            needs.in_manifest(MANIFEST),
            MANIFEST
                .replace(
                    "# Of the lab",
                    "{% if parts contains \"lab\" %}# Of the lab"
                )
                .replace("\n\n[dependencies]", "\n{% endif %}\n[dependencies]")
                .replace("# Figures", "{% if parts contains \"lab\" %}# Figures")
                .replace("\n\n[dev-", "\n{% endif %}\n[dev-")
        );
    }

    #[test]
    fn packages_that_only_a_part_brings_along_go_with_it_and_what_is_left_needs_no_version() {
        let needs = Needs {
            part: "lab".to_owned(),
            dependencies: BTreeSet::from(["z".to_owned()]),
        };
        let twin = needs.in_lock(
            LOCK,
            "service",
            &LOCK.replace("service", "{{project-name}}"),
        );
        let twin = twin.unwrap();
        let begin = "{% if parts contains \"lab\" %}";
        for part in [
            format!(" \"b{begin} 1.0.0{{% endif %}}\",\n"),
            format!(
                "\n\n{begin}[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n\n{{% endif %}}[[package]]\n"
            ),
            format!(" \"a\",\n{begin} \"z\",\n{{% endif %}}]\n"),
            format!("\n\n{begin}[[package]]\nname = \"z\"\n"),
        ] {
            assert!(twin.contains(&part), "{part} is not in {twin}");
        }
        assert!(twin.ends_with(" \"b 2.0.0\",\n]\n{% endif -%}\n"), "{twin}");
        let all_on = twin
            .replace(begin, "")
            .replace("{% endif -%}\n", "")
            .replace("{% endif %}", "");
        assert_eq!(all_on, LOCK.replace("service", "{{project-name}}"));
    }
}

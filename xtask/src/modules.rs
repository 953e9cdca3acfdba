//! The twins of `mod.rs`: lists of modules, of which those of a part stand between Liquid's `if` and `endif`.

use std::sync::LazyLock;

use regex::Regex;

/// `{% if parts contains "examples" %}`, `{% endif -%}` and whatever else Liquid knows.
#[expect(
    clippy::unwrap_used,
    reason = "a constant, which the tests below compile"
)]
static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{%.*?%\}").unwrap());
#[expect(
    clippy::unwrap_used,
    reason = "a constant, which the tests below compile"
)]
static PART: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^\{%-? if parts contains "([\w-]+)" -?%\}$"#).unwrap());

/// A module that comes with a part.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Module {
    pub(crate) part: String,
    pub(crate) name: String,
}

/// A line, without its tags, and the part it belongs to.
struct Line<'t> {
    number: usize,
    part: Option<String>,
    text: String,
    tags: Vec<&'t str>,
}

fn lines(twin: &str) -> Vec<Line<'_>> {
    let mut current = None;
    let mut lines = Vec::new();
    for (index, line) in twin.lines().enumerate() {
        let tags: Vec<&str> = TAG.find_iter(line).map(|tag| tag.as_str()).collect();
        // A line of its own belongs to what was opened before; a tag before the text of its line opens for that text.
        let opens = tags
            .iter()
            .find_map(|tag| PART.captures(tag))
            .map(|found| found[1].to_owned());
        let closes = tags.iter().any(|tag| tag.contains("endif"));
        if closes {
            current = None;
        }
        if opens.is_some() {
            current = opens;
        }
        let text = TAG.replace_all(line, "").trim().to_owned();
        lines.push(Line {
            number: index + 1,
            part: current.clone(),
            text,
            tags,
        });
    }
    lines
}

/// The modules that only come with a part.
pub(crate) fn of_parts(twin: &str) -> Vec<Module> {
    let modules = lines(twin).into_iter().filter_map(|line| {
        let name = line
            .text
            .strip_suffix(';')?
            .rsplit_once("mod ")?
            .1
            .to_owned();
        Some(Module {
            part: line.part?,
            name,
        })
    });
    modules.collect()
}

/// The number of the first line that Liquid has no business with: in a part's section, it is neither a `mod` line nor the
/// documentation or an attribute of one; or its tag asks for something else than a part.
pub(crate) fn first_line_that_is_none(twin: &str) -> Option<usize> {
    let is_fine = |line: &Line<'_>| {
        let starts = ["mod ", "pub mod ", "pub(crate) mod ", "//", "#["];
        let text = line.part.is_none()
            || line.text.is_empty()
            || starts.iter().any(|start| line.text.starts_with(start));
        text && line
            .tags
            .iter()
            .all(|tag| tag.contains("endif") || PART.is_match(tag))
    };
    lines(twin)
        .iter()
        .find(|line| !is_fine(line))
        .map(|line| line.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWIN: &str = r#"//! A layer.

mod base;
{% if parts contains "examples" -%}
/// Users.
pub mod users;
{% endif -%}
{% if parts contains "lab" %}mod slow;
{% endif %}mod suite;
"#;

    #[test]
    fn modules_belong_to_the_part_whose_section_they_stand_in() {
        let found = of_parts(TWIN);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|module| (module.part.as_str(), module.name.as_str()))
            .collect();
        assert_eq!(found, [("examples", "users"), ("lab", "slow")]);
        assert_eq!(first_line_that_is_none(TWIN), None);
    }

    #[test]
    fn anything_but_modules_in_a_section_is_found() {
        assert_eq!(
            first_line_that_is_none("{% if parts contains \"x\" %}\nfn f() {}\n{% endif %}\n"),
            Some(2)
        );
        assert_eq!(
            first_line_that_is_none("{% unless a %}\nmod a;\n{% endunless %}\n"),
            Some(1)
        );
    }
}

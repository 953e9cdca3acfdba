//! The configuration on paper: what is generated from the sections' code, so that it can't be wrong for long.

use std::fmt::Write as _;

use super::{
    AppEnv, ConfigError,
    field::{Field, SectionFields},
};

/// A file that is made from the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its name, without a directory.
    pub name: String,
    /// What it should hold.
    pub text: String,
}

/// `.env.example`: every key with its meaning and its default in `local`, commented out.
///
/// # Errors
///
/// If two files register the same section.
pub fn example() -> Result<GeneratedFile, ConfigError> {
    let mut text = String::from(
        "# Every key there is, with its default in `local`. Nothing is read from this file: copy what you need into `.env.local`\n\
         # (for yourself) or into `.env` and `.env.{dev,uat,prod}` (for all).\n\
         # Written by `cargo run -- config example --write`; a test compares it with the code.\n",
    );
    for section in SectionFields::all()? {
        let _ = write!(text, "\n# ---- {} ----\n", section.entry.prefix);
        comment(&mut text, &section.doc);
        for field in &section.fields {
            text.push_str("#\n");
            comment(&mut text, &field.doc);
            comment(
                &mut text,
                &format!("Accepts {}.{}", field.accepted(), elsewhere(field)),
            );
            let default = field.default_in(AppEnv::Local).unwrap_or_default();
            let _ = writeln!(text, "# {}={default}", field.key);
        }
    }
    Ok(GeneratedFile {
        name: ".env.example".to_owned(),
        text,
    })
}

/// The pages of docs/reference/configuration, one for each section.
///
/// # Errors
///
/// If two files register the same section.
pub fn pages() -> Result<Vec<GeneratedFile>, ConfigError> {
    Ok(SectionFields::all()?.iter().map(page).collect())
}

fn page(section: &SectionFields) -> GeneratedFile {
    let mut text = format!(
        "# `{}`\n\n<!-- Written by `cargo run -- config example --write` from {}. -->\n\n{}\n\n\
         | key | meaning | accepts | default |\n|---|---|---|---|\n",
        section.entry.prefix,
        section.entry.origin.short_file(),
        unwrapped(&section.doc),
    );
    for field in &section.fields {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.key,
            cell(&unwrapped(&field.doc)),
            cell(&field.accepted()),
            cell(&defaults(field)),
        );
    }
    GeneratedFile {
        name: format!("{}.md", section.entry.name()),
        text,
    }
}

/// The default, or the default of each environment if they differ.
fn defaults(field: &Field) -> String {
    let shown = |default: &Option<String>| match default.as_deref() {
        Some("") => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
        None if field.optional => "none".to_owned(),
        None => "none: must be set".to_owned(),
    };
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (env, default) in AppEnv::ALL.into_iter().zip(&field.defaults) {
        let default = shown(default);
        match groups.last_mut() {
            Some((last, names)) if *last == default => names.push(env.name()),
            _ => groups.push((default, vec![env.name()])),
        }
    }
    match groups.as_slice() {
        [(default, _)] => default.clone(),
        groups => {
            let parts = groups
                .iter()
                .map(|(default, names)| format!("{}: {default}", names.join(", ")));
            parts.collect::<Vec<_>>().join("; ")
        }
    }
}

/// What an example, which shows the default in `local`, has to add about other environments.
fn elsewhere(field: &Field) -> String {
    let differs = field
        .defaults
        .iter()
        .any(|default| *default != field.defaults[0]);
    if differs {
        format!(" Default: {}.", defaults(field))
    } else {
        String::new()
    }
}

/// Adds text as comment lines that are not too long to read.
fn comment(file: &mut String, text: &str) {
    const WIDTH: usize = 118;
    for paragraph in text.split("\n\n") {
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                file.push_str(&line);
                file.push('\n');
                "#".clone_into(&mut line);
            }
            line.push(' ');
            line.push_str(word);
        }
        file.push_str(&line);
        file.push('\n');
    }
}

/// Doc comments are wrapped for the code; a page wraps by itself.
fn unwrapped(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('|', "\\|")
}

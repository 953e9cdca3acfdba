//! Env files: `KEY=value` to the end of the line.
//!
//! Deliberately less than a shell or other readers of such files do: no `$` expansion, no escapes, no comment behind a value. So
//! every value can be written, and none means something else than what stands there.

use std::{io::ErrorKind, path::Path};

use super::{Setting, Settings, Source, shown};
use crate::core::config::Problem;

/// Adds what the file sets. A file that isn't there sets nothing.
pub(super) fn read(path: &Path, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let name = shown(path);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => {
            problems.push(Problem::new(format!("{name} can't be read: {error}")));
            return;
        }
    };
    // An editor may have put a byte order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        let source = Source::EnvFile {
            path: name.clone(),
            line: index + 1,
        };
        match parse(line) {
            Ok(None) => {}
            Ok(Some((key, value))) => {
                let of_key = settings.entry(key.to_owned()).or_default();
                if let Some(before) = of_key.last().filter(|before| in_same_file(before, &name)) {
                    let message = format!("{key} is set twice in {name}");
                    let note = format!("it is also set at {}", before.source);
                    problems.push(Problem::new(message).at(&source).note(note));
                }
                of_key.push(Setting {
                    value: value.to_owned(),
                    source,
                });
            }
            // The line itself is not shown: it may be the second line of a secret.
            Err(message) => problems.push(
                Problem::new(message)
                    .at(&source)
                    .note("a line is KEY=value to its end, a # comment, or empty"),
            ),
        }
    }
}

fn in_same_file(setting: &Setting, name: &str) -> bool {
    matches!(&setting.source, Source::EnvFile { path, .. } if path == name)
}

fn parse(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((key, value)) = line.split_once('=') else {
        return Err("a line without `=`".to_owned());
    };
    let key = key.trim_end();
    if let Some(key) = key.strip_prefix("export ") {
        return Err(format!(
            "`export` before {}: this is no shell script",
            key.trim_start()
        ));
    }
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_key {
        return Err("a key that is not made of letters, digits and _".to_owned());
    }
    let value = value.trim();
    let inside = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Ok(Some((key, inside.unwrap_or(value))))
}

//! The secrets directory: one file for each key, as Kubernetes mounts a Secret.

use std::{fs, path::Path};

use super::{Setting, Settings, Source, shown};
use crate::core::config::Problem;

/// Adds what the directory's files set.
///
/// The kubelet's files are links into `..data`, itself a link to a directory with a date in its name, so that all of them change
/// at once. Names that begin with `..` are this machinery, not keys.
pub(super) fn read(directory: &Path, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let mut paths: Vec<_> = match fs::read_dir(directory) {
        Ok(entries) => entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect(),
        Err(error) => {
            let message = format!("{} can't be read: {error}", shown(directory));
            problems.push(Problem::new(message));
            return;
        }
    };
    paths.sort();
    for path in paths {
        let Some(key) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        // `is_dir` follows links, as `read` does.
        if key.starts_with("..") || path.is_dir() {
            continue;
        }
        let source = Source::SecretFile(path.clone());
        match text_of(&path) {
            Ok(value) => {
                let of_key = settings.entry(key.to_owned()).or_default();
                of_key.push(Setting { value, source });
            }
            Err(reason) => problems.push(Problem::new(format!("{key} {reason}")).at(&source)),
        }
    }
}

/// The secret in a file, or what is wrong with it, to follow its key.
pub(in crate::core::config) fn text_of(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("can't be read: {error}"))?;
    let mut text = String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned())?;
    drop_newline(&mut text);
    Ok(text)
}

/// One newline at the end is the editor's or `echo`'s, not the secret's.
fn drop_newline(value: &mut String) {
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
}

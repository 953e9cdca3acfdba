//! Keys that no section has: a mistake in a file of ours, noise or a mistake elsewhere.

use super::{
    AppEnv, Problem, Source,
    field::{Field, Kind, SectionFields},
    read::{is_service_link, service_of},
    report::Report,
    sources::{BOOTSTRAP, RUST_LOG, Setting, Settings},
};

pub(super) fn report(sections: &[SectionFields], report: &mut Report<'_>) {
    let fields: Vec<&Field> = sections
        .iter()
        .flat_map(|section| &section.fields)
        .collect();
    let mut service_links = Vec::new();
    for (key, setting) in in_order(report.settings) {
        if fields.iter().any(|field| field.key == *key) {
            continue;
        }
        let is_ours = sections
            .iter()
            .any(|section| key.starts_with(section.entry.prefix));
        if setting.source == Source::Environment && !is_ours {
            continue; // others have variables, too
        }
        if setting.source == Source::Environment && is_link(key, &setting.value) {
            service_links.push(key);
            continue;
        }
        let found = if BOOTSTRAP.contains(&key) || key == RUST_LOG {
            misplaced(key, &setting.source)
        } else {
            unknown(key, setting, &fields, report.env)
        };
        match setting.source {
            Source::EnvFile { .. } => report.problems.push(found),
            _ => report.warnings.push(found),
        }
    }
    warn_of_links(&service_links, report);
}

/// Variables of ours that hold no text.
pub(super) fn report_unreadable(
    keys: &[String],
    sections: &[SectionFields],
    report: &mut Report<'_>,
) {
    for field in sections.iter().flat_map(|section| &section.fields) {
        if keys.contains(&field.key) {
            report.refuse(field, "is no UTF-8 text", &["it is set in the environment"]);
        }
    }
}

/// All settings: those of a file by line, as one would go through it.
fn in_order(settings: &Settings) -> Vec<(&str, &Setting)> {
    let mut all: Vec<_> = settings
        .iter()
        .flat_map(|(key, settings)| settings.iter().map(move |setting| (key.as_str(), setting)))
        .collect();
    all.sort_by_key(|(_, setting)| match &setting.source {
        Source::EnvFile { path, line } => (path.as_str(), *line),
        _ => ("", 0),
    });
    all
}

fn unknown(key: &str, setting: &Setting, fields: &[&Field], env: AppEnv) -> Problem {
    let problem = Problem::new(format!("unknown key {key}")).at(&setting.source);
    let Some(nearest) = nearest(key, fields) else {
        return problem.note("`config explain` lists all keys");
    };
    let hint = format!("did you mean {}? ({})", nearest.key, nearest.hint(env));
    // A mistyped key may hold a secret. Not so a number whose key differs from that of a number by underscores only.
    let letters = |key: &str| key.replace('_', "").to_ascii_uppercase();
    let harmless = match nearest.kind {
        Kind::Integer(..) => setting.value.parse::<u64>().is_ok(),
        Kind::Bool => setting.value.parse::<bool>().is_ok(),
        _ => false,
    };
    let value = if harmless && letters(key) == letters(&nearest.key) {
        &setting.value
    } else {
        "…"
    };
    let line = format!("{key}={value}");
    let length = line.chars().count();
    problem.showing(line, 0..length, hint)
}

/// The real key that looks most like this one.
fn nearest<'f>(key: &str, fields: &[&'f Field]) -> Option<&'f Field> {
    let key = key.to_ascii_uppercase();
    let similarity = |field: &Field| {
        // Somebody may have left out the prefix. The whole key counts more.
        let name = strsim::normalized_damerau_levenshtein(&key, &field.name.to_ascii_uppercase());
        strsim::normalized_damerau_levenshtein(&key, &field.key).max(0.9 * name)
    };
    let scored = fields.iter().map(|field| (similarity(field), *field));
    let (score, field) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= 0.6).then_some(field)
}

fn misplaced(key: &str, source: &Source) -> Problem {
    let problem = Problem::new(format!(
        "{key} is read from the environment of the process only"
    ))
    .at(source);
    if key == RUST_LOG {
        problem.note("LOG_LEVEL means the same and can stand in a file")
    } else {
        problem.note("it decides which files are read")
    }
}

/// The other variables that Kubernetes sets for a Service: `X_SERVICE_HOST`, `X_SERVICE_PORT…`, `X_PORT_5432_TCP…`.
fn is_link(key: &str, value: &str) -> bool {
    let of_port = || {
        let (_, rest) = key.split_once("_PORT_")?;
        let (number, protocol) = rest.split_once('_')?;
        let known = ["TCP", "UDP", "SCTP"]
            .iter()
            .any(|name| protocol.starts_with(name));
        Some(known && number.chars().all(|c| c.is_ascii_digit()))
    };
    key.ends_with("_SERVICE_HOST")
        || key.ends_with("_SERVICE_PORT")
        || key.contains("_SERVICE_PORT_")
        || of_port().unwrap_or(false)
        || is_service_link(value)
}

fn warn_of_links(keys: &[&str], report: &mut Report<'_>) {
    if keys.is_empty() {
        return;
    }
    let mut services: Vec<String> = keys
        .iter()
        .map(|key| format!("`{}`", service_of(key)))
        .collect();
    services.dedup();
    let message = format!(
        "Kubernetes set {} among the settings, for the Service {}",
        keys.join(", "),
        services.join(", ")
    );
    let warning = Problem::new(message)
        .at(&Source::Environment)
        .note("they are ignored; `enableServiceLinks: false` in the pod's spec keeps them away");
    report.warnings.push(warning);
}

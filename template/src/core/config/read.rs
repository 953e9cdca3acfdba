use std::{collections::BTreeMap, path::PathBuf};

use figment::{Figment, error::Kind as ErrorKind, providers::Serialized};
use serde::{Deserialize, Serialize};
use validator::ValidationError;

use super::{
    Checks, Problem, Section,
    field::{Field, SectionFields},
    report::Report,
    sources::Source,
};

/// What a field's type is read from.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum FieldValue {
    Text(String),
    /// A secret, which also remembers where it is found if it changes.
    OfFile {
        text: String,
        file: PathBuf,
    },
}

type FieldValues = BTreeMap<String, FieldValue>;

/// Reads one section from what is set.
pub(super) struct Reader<'a, 'r> {
    pub(super) section: &'a SectionFields,
    pub(super) report: &'a mut Report<'r>,
}

impl Reader<'_, '_> {
    /// The section, even if some of its values are refused: a default stands in for them, so that the others are judged, too.
    /// `None` if one can't be replaced. Whether something was refused is seen from the report.
    pub(super) fn read<S: Section>(&mut self) -> Option<S> {
        for field in self.section.fields.iter().filter(|field| field.is_secret()) {
            self.report.judge_secret(field);
        }
        let mut values = self.values();
        self.report_missing(&mut values);
        let section = self.extract::<S>(&mut values)?;
        self.validate(&section);
        let mut checks = Checks {
            section: self.section,
            report: self.report,
        };
        section.check(checks.report.env, &mut checks);
        Some(section)
    }

    /// What each field is set to. An empty value of an optional field means that it is not set.
    fn values(&self) -> FieldValues {
        let env = self.report.env;
        let value = |field: &Field| {
            let setting = self.report.setting(&field.key);
            let text = match setting {
                Some(setting) => setting.value.clone(),
                None => field.default_in(env)?.to_owned(),
            };
            if text.is_empty() && field.optional {
                return None;
            }
            let value = match setting.map(|setting| &setting.source) {
                // A path that is no UTF-8 can't be handed on.
                Some(Source::SecretFile(file)) if field.is_secret() && file.to_str().is_some() => {
                    let file = file.clone();
                    FieldValue::OfFile { text, file }
                }
                _ => FieldValue::Text(text),
            };
            Some((field.name.clone(), value))
        };
        self.section.fields.iter().filter_map(value).collect()
    }

    /// Reports fields that must have a value and have none.
    fn report_missing(&mut self, values: &mut FieldValues) {
        for field in &self.section.fields {
            if !field.optional && !values.contains_key(&field.name) {
                let accepted = format!("it accepts {}", field.accepted());
                let notes = [field.summary(), &accepted];
                self.report
                    .refuse(field, "is not set, which it must be", &notes);
                self.stand_in(field, values);
            }
        }
    }

    /// One flat figment for the section, of text only: each field's type decides what it is read as, so a secret `0123` keeps its
    /// zero.
    fn extract<S: Section>(&mut self, values: &mut FieldValues) -> Option<S> {
        // Each round mends one field; one that was mended before can't be.
        for _ in 0..=self.section.fields.len() {
            let error = match Figment::from(Serialized::defaults(&*values)).extract_lossy::<S>() {
                Ok(section) => return Some(section),
                Err(error) => error,
            };
            let name = error.path.last().map(String::as_str).unwrap_or_default();
            let Some(field) = self.section.fields.iter().find(|field| field.name == name) else {
                // Its own message is left out: it could hold a value.
                let message = format!("the keys {}… can't be read", self.section.entry.prefix);
                self.report.problems.push(Problem::new(message));
                return None;
            };
            self.refuse_unreadable(field, error.kind);
            self.stand_in(field, values);
        }
        None
    }

    /// Reports a value that isn't what its field's type reads. Most of figment's messages contain the value, so they are ours.
    fn refuse_unreadable(&mut self, field: &Field, kind: ErrorKind) {
        let reason = match kind {
            // What a type of the section's own says; it knows best what it accepts.
            ErrorKind::Message(message) if field.has_words_of_its_own() => message,
            _ => format!("must be {}", field.accepted()),
        };
        match self.report.setting(&field.key) {
            Some(setting) if is_service_link(&setting.value) => {
                let service = service_of(&field.key);
                let reason = format!("was set by Kubernetes, for a Service called `{service}`");
                self.report.refuse(field, &reason, &[
                    "put `enableServiceLinks: false` into the pod's spec, or give the Service another name",
                ]);
            }
            Some(_) => {
                self.report.refuse(field, &reason, &[]);
            }
            None => {
                // The section's own default is wrong. Nobody can mend that with a setting.
                let note = format!(
                    "its default is wrong; it is written in {}",
                    self.section.entry.origin.file
                );
                self.report.refuse(field, &reason, &[&note]);
            }
        }
    }

    /// Puts something readable in the place of a value that was refused.
    fn stand_in(&self, field: &Field, values: &mut FieldValues) {
        let default = field.default_in(self.report.env).map(str::to_owned);
        match default.or_else(|| field.any_value()) {
            Some(value) if !(value.is_empty() && field.optional) => {
                values.insert(field.name.clone(), FieldValue::Text(value))
            }
            _ => values.remove(&field.name),
        };
    }

    /// Runs the struct's own rules and reports them in our words: validator's text contains values.
    fn validate<S: Section>(&mut self, section: &S) {
        let Err(errors) = section.validate() else {
            return;
        };
        let errors = errors.field_errors();
        for field in &self.section.fields {
            for error in errors
                .get(field.name.as_str())
                .into_iter()
                .copied()
                .flatten()
            {
                self.report.refuse(field, &words(error, field), &[]);
            }
        }
    }
}

fn words(error: &ValidationError, field: &Field) -> String {
    let param = |name| error.params.get(name).and_then(serde_json::Value::as_u64);
    match (&error.message, error.code.as_ref()) {
        (Some(message), _) => message.to_string(),
        (None, "length") => match (param("min"), param("max")) {
            (Some(1), None) => "must not be empty".to_owned(),
            (Some(min), None) => format!("must have at least {min} characters"),
            (None, Some(max)) => format!("must have at most {max} characters"),
            (Some(min), Some(max)) => format!("must have {min} to {max} characters"),
            (None, None) => "must have another length".to_owned(),
        },
        (None, "url") => "must be a URL".to_owned(),
        (None, _) => format!("must be {}", field.accepted()),
    }
}

/// Whether this is what Kubernetes writes for a Service of the namespace, such as `DATABASE_PORT=tcp://10.0.0.7:5432`.
pub(super) fn is_service_link(value: &str) -> bool {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    matches!(scheme, Some("tcp" | "udp" | "sctp"))
}

/// The Service for which Kubernetes sets this variable.
pub(super) fn service_of(key: &str) -> String {
    let end = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"]
        .into_iter()
        .filter_map(|part| key.find(part))
        .min();
    key[..end.unwrap_or(key.len())]
        .to_ascii_lowercase()
        .replace('_', "-")
}

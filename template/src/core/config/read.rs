use std::collections::{BTreeMap, HashSet};

use figment::{Figment, providers::Serialized};
use validator::ValidationError;

use super::{
    AppEnv, Problem, Section,
    check::Checks,
    field::{Field, SectionFields},
    sources::{Setting, Settings},
};

/// Reads one section from what is set.
pub(super) struct Reader<'a> {
    pub(super) env: AppEnv,
    pub(super) section: &'a SectionFields,
    pub(super) settings: &'a Settings,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The section, even if some of its values are refused: a default stands in for them, so that the others are judged, too.
    /// `None` if one can't be replaced. Whether there were problems is seen from the list of problems.
    pub(super) fn read<S: Section>(&mut self) -> Option<S> {
        let mut values = self.values();
        let mut broken = self.report_missing(&mut values);
        let section = loop {
            // One flat figment for a section, of text only: each field's type decides what it is read as, so a secret `0123`
            // keeps its zero.
            match Figment::from(Serialized::defaults(&values)).extract_lossy::<S>() {
                Ok(section) => break section,
                Err(error) => {
                    let field = error.path.last()?.clone();
                    if !broken.insert(field.clone()) {
                        return None;
                    }
                    self.report_unreadable(&field, error.kind);
                    self.stand_in(&field, &mut values);
                }
            }
        };
        self.validate(&section, &mut broken);
        let mut checks = Checks {
            env: self.env,
            section: self.section,
            settings: self.settings,
            problems: self.problems,
            broken,
        };
        section.check(self.env, &mut checks);
        Some(section)
    }

    /// What each field is set to. An empty value of an optional field means that it is not set.
    fn values(&self) -> BTreeMap<String, String> {
        let fields = self.section.fields.iter();
        fields
            .filter_map(|field| {
                let value = match self.setting(field) {
                    Some(setting) => &setting.value,
                    None => field.default_in(self.env)?,
                };
                let unset = value.is_empty() && field.optional;
                (!unset).then(|| (field.name.clone(), value.to_owned()))
            })
            .collect()
    }

    fn setting(&self, field: &Field) -> Option<&Setting> {
        self.settings.get(&field.key)?.last()
    }

    /// Reports fields that must have a value and have none; returns their names.
    fn report_missing(&mut self, values: &mut BTreeMap<String, String>) -> HashSet<String> {
        let mut missing = HashSet::new();
        for field in &self.section.fields {
            if !field.optional && !values.contains_key(&field.name) {
                let message = format!("{} is not set, which it must be", field.key);
                let note = format!("{}; it accepts {}", field.summary(), field.accepted());
                self.problems.push(Problem::new(message).note(note));
                missing.insert(field.name.clone());
            }
        }
        for name in &missing {
            self.stand_in(name, values);
        }
        missing
    }

    /// Reports a value that isn't what its field's type reads. The error's own text contains the value, so only its kind is used.
    fn report_unreadable(&mut self, name: &str, kind: figment::error::Kind) {
        let Some(field) = self.section.fields.iter().find(|field| field.name == name) else {
            return;
        };
        let reason = match kind {
            // The message of a type of ours, such as an address: it says what is accepted.
            figment::error::Kind::Message(message)
                if !field.is_secret() && field.kind_is_text() =>
            {
                message
            }
            _ => format!("must be {}", field.accepted()),
        };
        self.refuse(field, &reason);
    }

    fn refuse(&mut self, field: &Field, reason: &str) {
        let Some(setting) = self.setting(field) else {
            // The section's own default is wrong. Nobody can mend that with a setting.
            let message = format!("the default of {} {reason}", field.key);
            let note = format!("it is written in {}", self.section.entry.origin.file);
            self.problems.push(Problem::new(message).note(note));
            return;
        };
        let problem = Problem::new(format!("{} {reason}", field.key)).at(&setting.source);
        let problem = field.showing(problem, setting, self.env);
        self.problems.push(problem);
    }

    /// Puts something readable in the place of a value that was refused.
    fn stand_in(&self, name: &str, values: &mut BTreeMap<String, String>) {
        let Some(field) = self.section.fields.iter().find(|field| field.name == name) else {
            return;
        };
        match field
            .default_in(self.env)
            .map(str::to_owned)
            .or_else(|| field.any_value())
        {
            Some(value) if !(value.is_empty() && field.optional) => {
                values.insert(name.to_owned(), value)
            }
            _ => values.remove(name),
        };
    }

    /// Runs the struct's own rules and reports them in our words: validator's text contains values.
    fn validate<S: Section>(&mut self, section: &S, broken: &mut HashSet<String>) {
        let Err(errors) = section.validate() else {
            return;
        };
        let errors = errors.field_errors();
        for field in &self.section.fields {
            let Some(found) = errors.get(field.name.as_str()) else {
                continue;
            };
            if !broken.insert(field.name.clone()) {
                continue;
            }
            for error in *found {
                self.refuse(field, &words(error, field));
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

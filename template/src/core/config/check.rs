use std::collections::HashSet;

use super::{
    AppEnv, Problem,
    field::{Field, SectionFields},
    sources::{Setting, Settings},
};

/// What a section's rules see, and where they report to.
pub struct Checks<'a> {
    pub(super) env: AppEnv,
    pub(super) section: &'a SectionFields,
    pub(super) settings: &'a Settings,
    pub(super) problems: &'a mut Vec<Problem>,
    /// Fields with a problem already, which hold a stand-in: what it breaks is not to be reported.
    pub(super) broken: HashSet<String>,
}

impl Checks<'_> {
    /// Whether anything but a default sets the field; nothing sets it if the value is empty.
    #[must_use]
    pub fn is_set(&self, field: &str) -> bool {
        self.setting(field)
            .is_some_and(|setting| !setting.value.is_empty())
    }

    /// The key of a field, such as `DATABASE_POOL_MAX_SIZE`.
    #[must_use]
    pub fn key(&self, field: &str) -> String {
        format!(
            "{}{}",
            self.section.entry.prefix,
            field.to_ascii_uppercase()
        )
    }

    /// Reports that a field's value can't be used. `message` continues the key: `must be less than …`.
    pub fn refuse(&mut self, field: &str, message: &str, notes: &[&str]) {
        if self.broken.contains(field) {
            return;
        }
        let key = self.key(field);
        let mut problem = Problem::new(format!("{key} {message}"));
        if let Some(setting) = self.setting(field) {
            problem = problem.at(&setting.source);
            if let Some(field) = self.field(field) {
                problem = field.showing(problem, setting, self.env);
            }
        }
        let problem = notes
            .iter()
            .fold(problem, |problem, note| problem.note(*note));
        self.problems.push(problem);
    }

    fn field(&self, field: &str) -> Option<&Field> {
        self.section.fields.iter().find(|one| one.name == field)
    }

    fn setting(&self, field: &str) -> Option<&Setting> {
        self.settings.get(&self.key(field))?.last()
    }
}

impl Field {
    /// Shows the line of a setting in a problem, unless the value is a secret.
    pub(super) fn showing(&self, problem: Problem, setting: &Setting, env: AppEnv) -> Problem {
        let (Some(shown), false) = (setting.value.lines().next().or(Some("")), self.is_secret())
        else {
            return problem;
        };
        let start = self.key.chars().count() + 1;
        let end = start + shown.chars().count();
        problem.showing(format!("{}={shown}", self.key), start..end, self.hint(env))
    }

    /// What the field means and what it is by default, in one line.
    pub(super) fn hint(&self, env: AppEnv) -> String {
        match self.default_in(env) {
            Some(default) if !default.is_empty() => {
                format!("{}; default {default}", self.summary())
            }
            _ => self.summary().to_owned(),
        }
    }
}

use std::collections::HashSet;

use super::{
    AppEnv, Problem,
    field::Field,
    secret::{Weakness, weakness},
    sources::{Setting, Settings, Source},
};

/// What is known while sections are read, and what was found to be wrong.
pub(super) struct Report<'a> {
    pub(super) env: AppEnv,
    pub(super) settings: &'a Settings,
    /// Where a secret could be put, to be named in advice.
    pub(super) secrets_dir: String,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Keys that were refused. A stand-in takes their place, so what else is wrong with them is not to be reported.
    refused: HashSet<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(env: AppEnv, settings: &'a Settings, secrets_dir: String) -> Self {
        Self {
            env,
            settings,
            secrets_dir,
            problems: Vec::new(),
            warnings: Vec::new(),
            refused: HashSet::new(),
        }
    }

    /// The setting that counts, if anything but a default sets the key.
    pub(super) fn setting(&self, key: &str) -> Option<&'a Setting> {
        self.settings.get(key)?.last()
    }

    /// Reports that a key can't be used as it is; `reason` continues the key. Only the first reason for a key is reported.
    /// Returns whether it was.
    pub(super) fn refuse(&mut self, field: &Field, reason: &str, notes: &[&str]) -> bool {
        if !self.refused.insert(field.key.clone()) {
            return false;
        }
        let problem = Problem::new(format!("{} {reason}", field.key));
        let problem = match self.setting(&field.key) {
            Some(setting) => field.showing(problem.at(&setting.source), setting, self.env),
            None => problem,
        };
        let problem = notes
            .iter()
            .fold(problem, |problem, note| problem.note(*note));
        self.problems.push(problem);
        true
    }

    /// Refuses secrets that protect nothing, where the environment demands better ones.
    pub(super) fn judge_secret(&mut self, field: &Field) {
        let env = self.env;
        let demanded = |_: &&Setting| env.demands_real_secrets();
        let Some(setting) = self.setting(&field.key).filter(demanded) else {
            return;
        };
        let reason = match weakness(&setting.value) {
            Some(Weakness::Empty) => "is empty",
            Some(Weakness::Placeholder) => "is a placeholder",
            Some(Weakness::Weak) if env.demands_strong_secrets() => "could be guessed",
            _ => return self.warn_of_file(field, setting),
        };
        let key = &field.key;
        let directory = &self.secrets_dir;
        let advice = match &setting.source {
            Source::SecretFile(_) => format!("put the real one there, or set {key}"),
            Source::EnvFile { .. } => {
                format!(
                    "take it out of the file; put the real one into {directory}/{key}, or set {key}"
                )
            }
            _ => format!("set the real one, or put it into {directory}/{key} and unset this one"),
        };
        let mut notes = vec![advice.as_str()];
        if reason == "could be guessed" {
            notes.insert(
                0,
                "one that can't has 12 characters or more, and not the same few again and again",
            );
        }
        self.refuse(
            field,
            &format!("{reason}, which APP_ENV={env} refuses"),
            &notes,
        );
    }

    fn warn_of_file(&mut self, field: &Field, setting: &Setting) {
        if let Source::EnvFile { .. } = setting.source {
            let key = &field.key;
            let warning = Problem::new(format!("{key} is a secret, and stands in an env file"))
                .at(&setting.source)
                .note("env files are for everybody who may read the repository")
                .note(format!(
                    "put it into {}/{key}, or set {key}",
                    self.secrets_dir
                ));
            self.warnings.push(warning);
        }
    }
}

impl Field {
    /// Shows the line of a setting in a problem, unless the value is a secret.
    fn showing(&self, problem: Problem, setting: &Setting, env: AppEnv) -> Problem {
        if self.is_secret() {
            return problem;
        }
        let value = shown_value(&setting.value);
        let start = self.key.chars().count() + 1;
        let end = start + value.chars().count();
        problem.showing(format!("{}={value}", self.key), start..end, self.hint(env))
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

/// A value that is no secret, in one short line; and without the password, if it is a URL with one.
pub(super) fn shown_value(value: &str) -> String {
    const LONGEST: usize = 60;
    let mut value: String = without_password(value)
        .chars()
        .map(|c| if c.is_control() { '\u{b7}' } else { c })
        .collect();
    if value.chars().count() > LONGEST {
        value = value.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    value
}

fn without_password(value: &str) -> String {
    let parts = value.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (userinfo, host) = rest[..end].rsplit_once('@')?;
        let (user, _) = userinfo.split_once(':')?;
        Some(format!("{scheme}://{user}:…@{host}{}", &rest[end..]))
    });
    parts.unwrap_or_else(|| value.to_owned())
}

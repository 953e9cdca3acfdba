use std::path::Path;

use super::{
    Problem, field::SectionFields, read::is_service_link, report::Report, sources::Source,
};

/// What a section's rules see, and where they report to.
pub struct Checks<'a, 'r> {
    pub(super) section: &'a SectionFields,
    pub(super) report: &'a mut Report<'r>,
}

impl Checks<'_, '_> {
    /// Whether anything but a default sets the field. An empty value doesn't, nor does what Kubernetes wrote there for a Service.
    #[must_use]
    pub fn is_set(&self, field: &str) -> bool {
        let setting = self.report.setting(&self.key(field));
        setting.is_some_and(|setting| !setting.value.is_empty() && !is_service_link(&setting.value))
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

    /// Reports that a field's value can't be used. `reason` continues the key: `must be less than …`. The notes say why, or what
    /// to do about it.
    ///
    /// # Panics
    ///
    /// If the section has no such field: a mistake in the section.
    pub fn refuse(&mut self, field: &str, reason: &str, notes: &[&str]) {
        let found = self.section.fields.iter().find(|one| one.name == field);
        let Some(found) = found else {
            panic!("{} is no field of its section", self.key(field))
        };
        self.report.refuse(found, reason, notes);
    }

    /// Reports that a field names a file without a certificate.
    pub(super) fn refuse_without_certificate(&mut self, field: &str, file: &Path) {
        if let Some(problem) = certificate_problem(file) {
            self.refuse(field, &format!("names a file that {problem}"), &[]);
        }
    }

    /// Warns of a variable of the process that is no key of ours, if it is set. `what` continues it.
    pub(super) fn warn_of_variable(&mut self, variable: &str, what: &str, note: &str) {
        let setting = self.report.setting(variable);
        if setting.is_some_and(|setting| setting.source == Source::Environment) {
            let problem = Problem::new(format!("{variable} {what}"));
            let problem = problem.at(&Source::Environment).note(note);
            self.report.warnings.push(problem);
        }
    }
}

/// Why there is no certificate (PEM) to be had from this file. Whoever uses it would find out after the start.
pub(super) fn certificate_problem(file: &Path) -> Option<String> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    match std::fs::read(file) {
        Err(error) => Some(format!("can't be read: {error}")),
        Ok(bytes) if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) => None,
        Ok(_) => Some("holds no certificate (PEM)".to_owned()),
    }
}

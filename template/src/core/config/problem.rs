use std::{fmt, ops::Range};

use super::sources::Source;

/// One thing that is wrong with the configuration: what, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    message: String,
    place: Option<Source>,
    excerpt: Option<Excerpt>,
    notes: Vec<String>,
}

/// The line in question. It never holds the value of a secret: whoever makes one decides what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    marked: Range<usize>,
    remark: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            excerpt: None,
            notes: Vec::new(),
        }
    }

    /// Where it was found. A default has no place a reader could go to.
    pub(super) fn at(mut self, place: &Source) -> Self {
        self.place = (*place != Source::Default).then(|| place.clone());
        self
    }

    /// Shows the line and says below the marked characters (not bytes) what is to say about them.
    pub(super) fn showing(
        mut self,
        text: impl Into<String>,
        marked: Range<usize>,
        remark: impl Into<String>,
    ) -> Self {
        self.excerpt = Some(Excerpt {
            text: text.into(),
            marked,
            remark: remark.into(),
        });
        self
    }

    /// Adds what to do about it, or why it is wrong.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// All of it but the line in question, for a log.
    #[must_use]
    pub fn one_line(&self) -> String {
        let place = self
            .place
            .as_ref()
            .map_or(String::new(), |place| format!(" ({place})"));
        let remark = self.excerpt.iter().map(|excerpt| excerpt.remark.as_str());
        let said = remark.chain(self.notes.iter().map(String::as_str));
        let said: Vec<&str> = std::iter::once("").chain(said).collect();
        format!("{}{place}{}", self.message, said.join("; "))
    }

    /// Its text under this headline, such as `error` or `warning`.
    #[must_use]
    pub fn titled(&self, title: &str) -> String {
        let mut lines = vec![format!("{title}: {}", self.message)];
        lines.extend(self.place.as_ref().map(|place| format!("  --> {place}")));
        if let Some(excerpt) = &self.excerpt {
            let number = self
                .place
                .as_ref()
                .and_then(Source::line)
                .map_or(String::new(), |line| line.to_string());
            let blank = " ".repeat(excerpt.marked.start);
            let mark = "^".repeat(excerpt.marked.len().max(1));
            lines.push("   |".to_owned());
            lines.push(format!("{number:>2} | {}", excerpt.text));
            lines.push(
                format!("   | {blank}{mark} {}", excerpt.remark)
                    .trim_end()
                    .to_owned(),
            );
        }
        lines.extend(self.notes.iter().map(|note| format!("   = {note}")));
        lines.join("\n")
    }
}

/// All that is wrong with the configuration. Its text never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// What is wrong, in the order in which it was found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}\n", problem.titled("error"))?;
        }
        let count = match self.0.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        write!(
            f,
            "{count}; nothing was started. `config explain` shows where each value comes from."
        )
    }
}

impl std::error::Error for ConfigError {}

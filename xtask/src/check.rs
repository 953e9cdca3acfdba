//! What a check is, and how it fails.

use std::time::Duration;

use crate::context::Context;
use crate::process::Interrupted;

/// When a check runs without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Default,
    /// With `--all`.
    Long,
}

/// Something the template promises, and how it is proven.
pub(crate) struct Check {
    /// `group/what`, the handle by which it is run alone.
    pub(crate) name: String,
    pub(crate) tier: Tier,
    /// What it proves, in a line.
    pub(crate) proves: &'static str,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Command lines of the documents that it carries out, as they stand there; the runner sees to it that it does.
    pub(crate) types: &'static [&'static str],
    pub(crate) run: Box<dyn Fn(&Context<'_>) -> Outcome>,
}

impl Check {
    /// The command lines of the documents that the check carries out with [`Context::typed`].
    pub(crate) fn typing(mut self, lines: &'static [&'static str]) -> Self {
        self.types = lines;
        self
    }
}

pub(crate) type Outcome = Result<(), Failure>;

/// Why a check failed, for somebody who has to do something about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong, in a few words.
    pub(crate) headline: String,
    /// What was done or looked at.
    pub(crate) what: String,
    /// The file, the line, the test.
    pub(crate) place: Option<String>,
    /// Nobody is to blame: somebody stopped the run.
    pub(crate) interrupted: bool,
}

impl Failure {
    pub(crate) fn new(headline: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            headline: headline.into(),
            what: what.into(),
            place: None,
            interrupted: false,
        }
    }

    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let interrupted = error.is::<Interrupted>();
        Self {
            interrupted,
            ..Self::new("could not be carried out", format!("{error:#}"))
        }
    }
}

/// The first place that a compiler, a formatter or a test complains about; errors before warnings.
pub(crate) fn place_in(output: &str) -> Option<String> {
    let mut test = None;
    let mut snapshot = None;
    let mut warned_at = None;
    let mut is_error = false;
    for line in output.lines() {
        if line.starts_with("error") || line.starts_with("warning") {
            is_error = line.starts_with("error");
        }
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            test = Some(name.to_owned());
        }
        // A snapshot fails inside its library, which names the test's line before.
        if let Some(place) = line.strip_prefix("Source: ") {
            snapshot = Some(place.to_owned());
        }
        if let Some((_, place)) = line.split_once("panicked at ") {
            let place = match &snapshot {
                Some(source) if place.contains("/insta-") => source.as_str(),
                _ => place.trim_end_matches(':'),
            };
            return Some(
                test.map_or_else(|| place.to_owned(), |test| format!("{place} in {test}")),
            );
        }
        if let Some(place) = line.strip_prefix("Diff in ") {
            return Some(place.trim_end_matches(':').to_owned());
        }
        match line.strip_prefix("--> ") {
            Some(place) if is_error => return Some(place.to_owned()),
            Some(place) => warned_at = warned_at.or_else(|| Some(place.to_owned())),
            None => {}
        }
    }
    test.or(warned_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_failure_is_the_first_one_named() {
        let lint = "   Compiling x\nwarning: odd\n --> src/odd.rs:1:1\nerror: unused\n  --> src/lib.rs:3:5\n   |\nerror: other\n --> src/b.rs:1:1\n";
        assert_eq!(place_in(lint).unwrap(), "src/lib.rs:3:5");
        let test = "failures:\n\n---- users::are_listed stdout ----\n\nthread 'users' panicked at tests/http/users.rs:12:5:\nboom\n";
        assert_eq!(
            place_in(test).unwrap(),
            "tests/http/users.rs:12:5 in users::are_listed"
        );
        let snapshot = "---- t::said stdout ----\nSource: tests/t.rs:29\nthread 't::said' panicked at /r/insta-1.49.0/src/runtime.rs:734:13:\n";
        assert_eq!(place_in(snapshot).unwrap(), "tests/t.rs:29 in t::said");
        assert_eq!(
            place_in("Diff in /p/src/main.rs:7:\n-a\n+b").unwrap(),
            "/p/src/main.rs:7"
        );
        assert_eq!(place_in("all is well"), None);
    }
}

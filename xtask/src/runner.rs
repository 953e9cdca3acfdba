//! Running checks: one after the other, each with a log and a limit of its own, and one summary at the end.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::cargo;
use crate::generate::{Request, Source};
use crate::postgres::{Database, Postgres};
use crate::process::{Child, Interrupted, TimedOut};
use crate::progress::duration;
use crate::repo::Repo;
use crate::tree::Tree;

/// How often a step that takes long says that it is still there.
const STILL_THERE: Duration = Duration::from_secs(30);
/// How much of a failed check's log is shown.
const TAIL_LINES: usize = 80;
const TAIL_WIDTH: usize = 400;

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
    pub(crate) run: Box<dyn Fn(&Context<'_>) -> Outcome>,
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

/// What all checks of a run share; each piece is made when the first check asks for it.
pub(crate) struct Shared {
    pub(crate) repo: Repo,
    pub(crate) cache: Cache,
    source: OnceCell<Source>,
    postgres: OnceCell<Postgres>,
    projects: RefCell<BTreeMap<String, PathBuf>>,
}

impl Shared {
    pub(crate) fn new(repo: Repo, cache: Cache) -> Self {
        Self {
            repo,
            cache,
            source: OnceCell::new(),
            postgres: OnceCell::new(),
            projects: RefCell::default(),
        }
    }
}

/// What one check works with.
pub(crate) struct Context<'r> {
    pub(crate) shared: &'r Shared,
    /// Everything its commands print.
    pub(crate) log: PathBuf,
    pub(crate) deadline: Instant,
}

impl Context<'_> {
    pub(crate) fn repo(&self) -> &Repo {
        &self.shared.repo
    }

    /// The copy of the repository that cargo-generate reads.
    pub(crate) fn source(&self) -> Result<&Source> {
        if self.shared.source.get().is_none() {
            let _ = self.shared.source.set(Source::copy_of(self.repo())?);
        }
        self.shared.source.get().context("the source was not kept")
    }

    /// The server for this run's tests.
    pub(crate) fn postgres(&self) -> Result<&Postgres> {
        if self.shared.postgres.get().is_none() {
            // It outlives this check, and so does what it has to say.
            let log = self.log.with_file_name("postgres.log");
            fs::write(&log, "")?;
            let server = Postgres::provide(&log, |command| Ok(self.execute(command)?.success()))?;
            say(&format!("        using {}", server.describe()));
            let _ = self.shared.postgres.set(server);
        }
        self.shared
            .postgres
            .get()
            .context("the server was not kept")
    }

    /// An empty database on that server.
    pub(crate) fn database(&self) -> Result<Database> {
        self.postgres()?.create_database(&self.log)
    }

    /// Generates into a fresh folder and reads what came out.
    pub(crate) fn generate(&self, request: &Request) -> Result<Tree> {
        let folder = tempfile::TempDir::with_prefix("strata-check-")?;
        Tree::read(&self.source()?.generate(request, folder.path())?)
    }

    /// A generated project to compile. It stays in the cache between runs, so that what did not change is not compiled again.
    pub(crate) fn project(&self, request: &Request) -> Result<PathBuf> {
        let known = self.shared.projects.borrow().get(&request.name).cloned();
        if let Some(folder) = known {
            return Ok(folder);
        }
        let folder = self.shared.cache.checks("projects").join(&request.name);
        self.generate(request)?.write_to(&folder)?;
        self.shared
            .projects
            .borrow_mut()
            .insert(request.name.clone(), folder.clone());
        Ok(folder)
    }

    /// Cargo in a project, or in the template in place: with shared dependencies.
    pub(crate) fn cargo<'a>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = cargo::cargo(folder, arguments);
        let owner = if folder == self.repo().template() {
            "in-place".into()
        } else {
            folder.file_name().unwrap_or_default().to_string_lossy()
        };
        self.shared.cache.share_builds(&mut command, &owner);
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            // A log is read for what failed, not for how the test got there.
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Carries a command out as one step of the check; `wrong` is what its failure means.
    pub(crate) fn step(&self, command: &mut Command, wrong: &str) -> Outcome {
        let begin = fs::metadata(&self.log).map_or(0, |log| log.len());
        let what = describe(command, self.repo().root());
        match self.execute(command) {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => {
                let mut text = String::new();
                let mut log = File::open(&self.log)?;
                log.seek(SeekFrom::Start(begin))?;
                log.read_to_string(&mut text)?;
                Err(Failure {
                    place: place_in(&text),
                    ..Failure::new(wrong, what)
                })
            }
            Err(error) if error.is::<TimedOut>() => Err(Failure::new(format!("{error}"), what)),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries a command out, its output in the log; a line now and then shows that it is still there.
    pub(crate) fn execute(&self, command: &mut Command) -> Result<std::process::ExitStatus> {
        let log = self.open_log()?;
        command.stdout(log.try_clone()?).stderr(log);
        self.wait(command)
    }

    /// The same, for a command whose standard output is wanted; what it says otherwise goes to the log.
    pub(crate) fn output(
        &self,
        command: &mut Command,
    ) -> Result<(std::process::ExitStatus, String)> {
        let file = tempfile::NamedTempFile::new()?;
        command.stdout(file.reopen()?).stderr(self.open_log()?);
        let status = self.wait(command)?;
        let output = String::from_utf8_lossy(&fs::read(file.path())?).into_owned();
        Ok((status, output))
    }

    fn wait(&self, command: &mut Command) -> Result<std::process::ExitStatus> {
        let what = describe(command, self.repo().root());
        writeln!(self.open_log()?, "\n$ {what}")?;
        let begun = Instant::now();
        let mut said = begun;
        command.stdin(Stdio::null());
        Child::spawn(command)?.wait(self.deadline, || {
            if said.elapsed() >= STILL_THERE {
                said = Instant::now();
                let last = last_line(&self.log).unwrap_or_default();
                say(&format!(
                    "        {}, {what}: {last}",
                    duration(begun.elapsed())
                ));
            }
        })
    }

    /// Writes a line for people into the log.
    pub(crate) fn note(&self, text: &str) -> Result<()> {
        writeln!(self.open_log()?, "{text}")?;
        Ok(())
    }

    fn open_log(&self) -> Result<File> {
        File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))
    }
}

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) failed: Vec<(String, String)>,
    pub(crate) passed: usize,
    pub(crate) skipped: usize,
}

/// Runs the checks and says what came out; `skipped` others were not asked for.
pub(crate) fn run(shared: &Shared, checks: &[&Check], skipped: usize) -> Result<Summary> {
    let logs = shared.cache.checks("logs");
    fs::create_dir_all(&logs)?;
    let begun = Instant::now();
    let mut summary = Summary {
        skipped,
        ..Summary::default()
    };
    let mut interrupted = false;
    for (number, check) in checks.iter().enumerate() {
        if interrupted {
            summary.skipped += 1;
            continue;
        }
        say(&format!(
            "run     {}  ({} of {}) {}",
            check.name,
            number + 1,
            checks.len(),
            check.proves
        ));
        let log = logs.join(format!("{}.log", check.name.replace('/', "-")));
        fs::write(&log, "")?;
        let check_begun = Instant::now();
        let context = Context {
            shared,
            log,
            deadline: check_begun + check.limit,
        };
        match (check.run)(&context) {
            Ok(()) => {
                summary.passed += 1;
                say(&format!(
                    "ok      {}  {}",
                    check.name,
                    duration(check_begun.elapsed())
                ));
            }
            Err(failure) if failure.interrupted => {
                interrupted = true;
                summary.skipped += 1;
            }
            Err(failure) => {
                report(&check.name, &failure, &context.log, check_begun.elapsed());
                summary.failed.push((check.name.clone(), failure.headline));
            }
        }
    }
    conclude(&summary, begun.elapsed());
    if interrupted {
        Err(Interrupted.into())
    } else {
        Ok(summary)
    }
}

fn report(name: &str, failure: &Failure, log: &Path, took: Duration) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    if !lines.is_empty() {
        say(&format!("\n--- the last lines of {}", log.display()));
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            let shown: String = line.chars().take(TAIL_WIDTH).collect();
            say(&if shown.len() < line.len() {
                format!("{shown} …")
            } else {
                shown
            });
        }
        say("---\n");
    }
    say(&format!(
        "FAILED  {name}   {}  ({})",
        failure.headline,
        duration(took)
    ));
    say(&format!("  what     {}", indented(&failure.what)));
    if let Some(place) = &failure.place {
        say(&format!("  where    {}", indented(place)));
    }
    say(&format!("  rerun    cargo xtask test {name}\n"));
}

fn conclude(summary: &Summary, took: Duration) {
    say("");
    for (name, headline) in &summary.failed {
        say(&format!("FAILED  {name}   {headline}"));
        say(&format!("  rerun    cargo xtask test {name}"));
    }
    say(&format!("took {}", duration(took)));
    say(&summary.line());
}

impl Summary {
    /// `12 passed, 0 failed`.
    fn line(&self) -> String {
        let skipped = if self.skipped > 0 {
            format!(", {} skipped", self.skipped)
        } else {
            String::new()
        };
        format!(
            "{} passed, {} failed{skipped}",
            self.passed,
            self.failed.len()
        )
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n           ")
}

/// Prints a line at once, also into a pipe.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: the exit code still says how it went.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn last_line(log: &Path) -> Option<String> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map(|line| line.trim().chars().take(100).collect())
}

/// `cargo clippy --all-targets in template`.
fn describe(command: &Command, root: &Path) -> String {
    let program = Path::new(command.get_program());
    let program = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let folder = command.get_current_dir().map(|folder| {
        folder
            .strip_prefix(root)
            .unwrap_or(folder)
            .display()
            .to_string()
    });
    let folder = folder
        .filter(|folder| !folder.is_empty())
        .map(|folder| format!(" in {folder}"))
        .unwrap_or_default();
    let database = command
        .get_envs()
        .any(|(key, value)| key == "TEST_DATABASE_URL" && value.is_some());
    let database = if database {
        "TEST_DATABASE_URL=… "
    } else {
        ""
    };
    format!("{database}{program} {}{folder}", arguments.join(" "))
}

/// The first place that a compiler, a formatter or a test complains about; errors before warnings.
pub(crate) fn place_in(output: &str) -> Option<String> {
    let mut test = None;
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
        if let Some((_, place)) = line.split_once("panicked at ") {
            let place = place.trim_end_matches(':');
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
        assert_eq!(
            place_in("Diff in /p/src/main.rs:7:\n-a\n+b").unwrap(),
            "/p/src/main.rs:7"
        );
        assert_eq!(place_in("all is well"), None);
    }

    #[test]
    fn the_last_line_counts() {
        let mut summary = Summary {
            passed: 12,
            ..Summary::default()
        };
        assert_eq!(summary.line(), "12 passed, 0 failed");
        summary.skipped = 3;
        summary.failed.push(("a/b".into(), "broken".into()));
        assert_eq!(summary.line(), "12 passed, 1 failed, 3 skipped");
    }
}

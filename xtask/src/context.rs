//! What a check works with: the commands it carries out, and what all checks of a run share.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::cargo::{self, program};
use crate::check::{Failure, Outcome, place_in};
use crate::generate::{Request, Source};
use crate::postgres::{Database, Postgres};
use crate::process::{Child, TimedOut};
use crate::progress::duration;
use crate::repo::Repo;
use crate::runner::say;
use crate::tree::Tree;

/// Ends a typed line: the arguments that are added.
const MORE: &str = " \"$@\"";

/// How often a step that takes long says that it is still there.
const STILL_THERE: Duration = Duration::from_secs(30);

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
    /// The documents' command lines that were carried out.
    typed: RefCell<BTreeSet<&'static str>>,
}

impl<'r> Context<'r> {
    pub(crate) fn new(shared: &'r Shared, log: PathBuf, deadline: Instant) -> Self {
        Self {
            shared,
            log,
            deadline,
            typed: RefCell::default(),
        }
    }
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
        self.share_builds(&mut command, folder);
        command
    }

    /// Builds the one binary of a project, or of the template in place; returns it.
    pub(crate) fn build(&self, project: &Path, options: &[&str]) -> Result<PathBuf> {
        let mut build = self.cargo(
            project,
            ["build", "--message-format=json-render-diagnostics"],
        );
        let (status, messages) = self.output(build.args(options))?;
        let executable = messages.lines().rev().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable
            .filter(|_| status.success())
            .with_context(|| format!("{} does not build", project.display()))
    }

    /// A command line of a document, carried out by a shell in a folder. What the document can't know, such as an address, is put in the
    /// place of what it shows; arguments that are added come last.
    pub(crate) fn typed(
        &self,
        line: &'static str,
        folder: &Path,
        instead: &[(&str, &str)],
    ) -> Command {
        self.typed.borrow_mut().insert(line);
        let mut text = line.to_owned();
        let mut command = program("bash", folder);
        for (number, (shown, real)) in instead.iter().enumerate() {
            // By way of the environment: an address may hold a password, and everybody can read the arguments.
            text = text.replace(shown, &format!("$REAL_{number}"));
            command.env(format!("REAL_{number}"), real);
        }
        command.args(["-ec", &format!("{text}{MORE}"), "bash"]);
        command
    }

    /// Whether a document's command line was carried out.
    pub(crate) fn has_typed(&self, line: &str) -> bool {
        self.typed.borrow().contains(line)
    }

    /// Makes a command that compiles a project use the dependencies that all of them share.
    pub(crate) fn share_builds(&self, command: &mut Command, folder: &Path) {
        let owner = if folder == self.repo().template() {
            "in-place".into()
        } else {
            folder.file_name().unwrap_or_default().to_string_lossy()
        };
        self.shared.cache.share_builds(command, &owner);
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            // A log is read for what failed, not for how the test got there.
            .env("RUST_BACKTRACE", "0");
    }

    /// Carries a command out as one step of the check; `wrong` is what its failure means.
    pub(crate) fn step(&self, command: &mut Command, wrong: &str) -> Outcome {
        let what = describe(command, self.repo().root());
        match self.said(command) {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((_, text)) => Err(Failure {
                place: place_in(&text),
                ..Failure::new(wrong, what)
            }),
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

    /// The same, with everything that the command prints.
    pub(crate) fn said(&self, command: &mut Command) -> Result<(std::process::ExitStatus, String)> {
        let begin = fs::metadata(&self.log).map_or(0, |log| log.len());
        let status = self.execute(command)?;
        let mut said = String::new();
        let mut log = File::open(&self.log)?;
        log.seek(SeekFrom::Start(begin))?;
        log.read_to_string(&mut said)?;
        Ok((status, said))
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
        let short: String = what.replace('\n', " ").chars().take(50).collect();
        command.stdin(Stdio::null());
        Child::spawn(command)?.wait(self.deadline, || {
            if said.elapsed() >= STILL_THERE {
                said = Instant::now();
                let last = last_line(&self.log).unwrap_or_default();
                say(&format!(
                    "        {}, {short}: {last}",
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
    let mut arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    // a typed line is shown as it was typed
    let mut program = program;
    if let [_, line, _, more @ ..] = &arguments[..]
        && let Some(line) = line.strip_suffix(MORE)
    {
        let mut words = line.split_whitespace().map(str::to_owned);
        program = words.next().unwrap_or_default();
        arguments = words.chain(more.iter().cloned()).collect();
    }
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

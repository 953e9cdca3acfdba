//! `command/*`: the real `cargo generate`, as somebody uses it who has installed it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, delivered, generating};
use crate::context::Context;
use crate::generate::{Request, Source};
use crate::process::{self, Child};
use crate::tools;
use crate::tree::Tree;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "command/cargo-generate",
            20,
            "cargo generate makes the same project: from a path, from git, in a workspace",
            real_command,
        )
        .typing(&[
            tools::INSTALL_CARGO_GENERATE,
            FROM_GIT,
            FROM_A_CHECKOUT,
            "cd my-service",
        ]),
    ]
}

const FROM_GIT: &str = "cargo generate --git https://github.com/strata-rs/strata --name my-service";
const FROM_A_CHECKOUT: &str = "cargo generate --path <checkout> --name my-service";
const NAME: &str = "my-service";

fn real_command(cx: &Context<'_>) -> Outcome {
    let expected = cx.generate(&Request::new(NAME))?;
    let source = Source::copy_of(cx.repo())?;
    let places = tempfile::TempDir::with_prefix("strata-check-")?;
    let place = |name: &str| -> Result<std::path::PathBuf> {
        let folder = places.path().join(name);
        std::fs::create_dir(&folder)?;
        Ok(folder)
    };

    // What lies about in a checkout that somebody works in must not travel.
    for leftover in [
        "template/target/debug/strata-service",
        "template/local.db",
        "template/local.db-wal",
        "env_files/.env.local",
        "xtask/target/debug/xtask",
    ] {
        let path = source.path().join(leftover);
        std::fs::create_dir_all(path.parent().unwrap_or(source.path()))?;
        std::fs::write(path, "leftover")?;
    }
    let folder = place("from-a-path")?;
    let checkout = ("<checkout>", &*source.path().to_string_lossy());
    let mut command = generate(cx, FROM_A_CHECKOUT, &folder, &[checkout])?;
    command.arg("--silent");
    cx.step(&mut command, "cargo generate --path fails")?;
    is_the_same(
        cx,
        &expected,
        &folder,
        "`cargo generate --path`, beside what the library made",
    )?;
    if cx.execute(&mut command)?.success() {
        return Err(Failure::new(
            "an existing destination is accepted",
            "`cargo generate` twice in one folder",
        ));
    }
    is_the_same(
        cx,
        &expected,
        &folder,
        "the project after a second `cargo generate`, which was refused",
    )?;

    let url = format!(
        "file://{}",
        make_repository(cx, &place("repository")?)?.display()
    );
    let url = ("https://github.com/strata-rs/strata", &*url);
    let folder = place("from-git")?;
    answer_questions(cx, &generate(cx, FROM_GIT, &folder, &[url])?)?;
    cx.step(
        &mut cx.typed("cd my-service", &folder, &[]),
        "there is no such folder",
    )?;
    is_the_same(
        cx,
        &expected,
        &folder,
        "`cargo generate --git`, beside what the library made",
    )?;

    let folder = place("workspace")?;
    std::fs::write(
        folder.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = []\n",
    )?;
    cx.step(
        generate(cx, FROM_GIT, &folder, &[url])?.arg("--silent"),
        "cargo generate fails in a workspace",
    )?;
    generating::is_a_member(cx, &folder, NAME)?;

    let folder = place("refused")?;
    let mut refused = generate(cx, FROM_GIT, &folder, &[url, (NAME, "app")])?;
    if cx.execute(refused.arg("--silent"))?.success() {
        return Err(Failure::new(
            "a name that cannot work is accepted",
            "`cargo generate --name app`",
        ));
    }
    if std::fs::read_dir(&folder)?.next().is_some() {
        return Err(Failure::new(
            "a refusal leaves something behind",
            "`cargo generate --name app`",
        ));
    }
    if !std::fs::read_to_string(&cx.log)?.contains("Accepted: ") {
        return Err(Failure::new(
            "a refusal does not say what is accepted",
            "`cargo generate --name app`",
        ));
    }
    Ok(())
}

/// `cargo generate` as the README has it, in a folder.
fn generate(
    cx: &Context<'_>,
    line: &'static str,
    folder: &Path,
    instead: &[(&str, &str)],
) -> Result<Command> {
    let installed = tools::cargo_generate(cx)?;
    let mut command = cx.typed(line, folder, instead);
    command.env("PATH", delivered::path_with(&[&installed])?);
    command.env("USER", "strata").env("RUST_BACKTRACE", "0"); // containers often have no USER
    Ok(command)
}

/// What cargo-generate.toml asks.
const QUESTIONS: [&str; 3] = [
    "What does the service do, in one line?",
    "Which parts should it have?",
    "Which pipeline should check it?",
];

/// Carries a typed line out in a terminal, and presses Enter at each question, as somebody does for whom the defaults are right.
fn answer_questions(cx: &Context<'_>, typed: &Command) -> Outcome {
    let line = typed
        .get_args()
        .nth(1)
        .unwrap_or_default()
        .to_string_lossy();
    // Gives the command a terminal of its own.
    let mut terminal = Command::new("script");
    terminal
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &line,
            "/dev/null",
        ])
        .envs(
            typed
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(folder) = typed.get_current_dir() {
        terminal.current_dir(folder);
    }
    let mut child = Child::spawn(&mut terminal)?;
    let (mut keys, screen) = child.take_pipes().context("it has no terminal")?;
    let shown = screen_of(screen);
    for question in QUESTIONS {
        let text = || {
            String::from_utf8_lossy(&shown.lock().unwrap_or_else(PoisonError::into_inner))
                .into_owned()
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !text().contains(question) {
            if Instant::now() > deadline || child.status()?.is_some() {
                return Err(Failure::new("it does not ask", question).at(text()));
            }
            process::pause(Duration::from_millis(50))?;
        }
        keys.write_all(b"\r")?;
    }
    let status = child.wait(cx.deadline, || {})?;
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
    cx.note(&String::from_utf8_lossy(&shown))?;
    if !status.success() {
        return Err(Failure::new(
            "`cargo generate` fails in a terminal",
            "Enter at each question",
        ));
    }
    Ok(())
}

/// What a terminal shows, as it comes.
fn screen_of(mut screen: ChildStdout) -> Arc<Mutex<Vec<u8>>> {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = shown.clone();
    std::thread::spawn(move || {
        let mut piece = [0; 1024];
        while let Ok(length @ 1..) = screen.read(&mut piece) {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.extend_from_slice(&piece[..length]);
        }
    });
    shown
}

/// The files of this checkout as a repository of their own, as a clone of it would be.
pub(super) fn make_repository(cx: &Context<'_>, folder: &Path) -> Result<std::path::PathBuf> {
    cx.repo().copy_to(folder)?;
    git(cx, folder, &["init", "--quiet", "--initial-branch=main"])?;
    commit(cx, folder, "The template")?;
    Ok(folder.to_path_buf())
}

/// Commits all that is in the folder, whoever runs the check.
pub(super) fn commit(cx: &Context<'_>, folder: &Path, message: &str) -> Result<()> {
    git(cx, folder, &["add", "--all", "--force"])?;
    let identity = [
        "user.name=strata",
        "user.email=strata@localhost",
        "commit.gpgsign=false",
    ];
    let mut arguments: Vec<&str> = identity.iter().flat_map(|one| ["-c", one]).collect();
    arguments.extend(["commit", "--quiet", "--message", message]);
    git(cx, folder, &arguments)
}

/// A command of git that has to work.
pub(super) fn git(cx: &Context<'_>, folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = cx.execute(program("git", folder).args(arguments))?;
    anyhow::ensure!(status.success(), "git fails; see {}", cx.log.display());
    Ok(())
}

fn is_the_same(cx: &Context<'_>, expected: &Tree, folder: &Path, what: &str) -> Outcome {
    let made = Tree::read(&folder.join(NAME))?;
    let differences = expected.differences(&made, |_| false);
    for difference in &differences {
        cx.note(&difference.to_string())?;
    }
    match differences.first() {
        Some(first) => Err(
            Failure::new("cargo generate makes something else than xtask", what)
                .at(first.to_string()),
        ),
        None => Ok(()),
    }
}

//! `docs/errors`, `docs/browser` and `just/*`: what people look at and type, beside the commands of the READMEs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use regex::Regex;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{check, long_check};
use crate::context::Context;
use crate::http;
use crate::packages;
use crate::process::{self, Child};
use crate::tools;

const JUST: &str = "1.59.0";
const PLAYWRIGHT: &str = "1.65.2";

const DEV: &str = "just dev";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "docs/errors",
            2,
            "the texts that docs/troubleshooting.md and docs/operations.md explain are in the source",
            errors_are_current,
        ),
        check(
            "just/recipes",
            10,
            "the justfile is sound, and its recipes are what the checks run",
            recipes_are_sound,
        ),
        long_check(
            "just/dev",
            30,
            "`just dev` starts the service again when a file changes",
            dev_reloads,
        )
        .typing(&[DEV]),
        long_check(
            "docs/browser",
            20,
            "/docs works in a real browser: a user is created through \"Try it out\"",
            browser_creates_a_user,
        ),
    ]
}

/// Each heading that is a text of the service has its words, between the `…`, in one string of the template's source.
fn errors_are_current(cx: &Context<'_>) -> Outcome {
    let mut source = String::new();
    for file in cx.repo().files()? {
        let is_rust = Path::new(&file)
            .extension()
            .is_some_and(|kind| kind == "rs");
        if is_rust && file.starts_with("template/") {
            source.push_str(&fs::read_to_string(cx.repo().root().join(file))?);
        }
    }
    // a long string is broken with `\` at the line's end
    let source = Regex::new(r"\\\n\s*")?
        .replace_all(&source, "")
        .into_owned();
    // said by cargo-generate
    let foreign = ["could not determine the current user"];
    for document in ["docs/troubleshooting.md", "docs/operations.md"] {
        texts_are_current(cx, document, &source, &foreign)?;
    }
    Ok(())
}

fn texts_are_current(cx: &Context<'_>, document: &str, source: &str, foreign: &[&str]) -> Outcome {
    let text = fs::read_to_string(cx.repo().root().join(document))?;
    let heading = Regex::new(r"^### `([^`]+)`$")?;
    let mut seen = 0;
    for (number, line) in text.lines().enumerate() {
        let Some(error) = heading.captures(line).map(|found| found[1].to_owned()) else {
            continue;
        };
        seen += 1;
        if foreign.contains(&error.as_str()) {
            continue;
        }
        let words = error
            .split('…')
            .map(str::trim)
            .filter(|words| !words.is_empty());
        if let Some(gone) = words.into_iter().find(|words| !source.contains(words)) {
            return Err(Failure::new(
                "a document explains a text that the service doesn't give",
                format!("the words `{gone}` in template/"),
            )
            .at(format!("{document}:{}", number + 1)));
        }
    }
    if seen < 10 {
        return Err(Failure::new(
            "the headings with texts of the service are not found",
            document,
        ));
    }
    Ok(())
}

/// The search path with the folders of these programs in front.
pub(super) fn path_with(programs: &[&Path]) -> Result<OsString> {
    let folders = programs.iter().filter_map(|program| program.parent());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(all)?)
}

pub(super) fn just(cx: &Context<'_>) -> Result<PathBuf> {
    tools::python(cx, "rust-just", JUST, "just")
}

fn recipes_are_sound(cx: &Context<'_>) -> Outcome {
    let just = just(cx)?;
    let template = cx.repo().template();
    let (status, recipes) = cx.output(program(&just, &template).arg("--summary"))?;
    if !status.success() {
        return Err(Failure::new("the justfile can't be read", "just --summary"));
    }
    for recipe in recipes.split_whitespace() {
        cx.step(
            program(&just, &template).args(["--dry-run", recipe]),
            "a recipe can't be carried out",
        )?;
    }
    // `--dry-run` prints the commands among the errors, so they are in the log.
    let log = fs::read_to_string(&cx.log)?;
    for command in [
        "cargo fmt --check",
        "clippy --all-targets -- -D warnings",
        "doc --no-deps",
    ] {
        if !log.contains(command) {
            return Err(Failure::new(
                "`just lint` checks less than these checks",
                "just --dry-run lint",
            )
            .at(command));
        }
    }
    Ok(())
}

fn dev_reloads(cx: &Context<'_>) -> Outcome {
    let what = "`just dev`, and a change to src/main.rs";
    let just = just(cx)?;
    let watchexec = tools::watchexec(cx)?;
    let place = place_to_run(cx, Kind::Sqlite)?;
    let folder = place.folder.path();
    let path = path_with(&[&just, &watchexec])?;
    let port = http::free_port()?;
    let log = File::options().create(true).append(true).open(&cx.log)?;
    let mut recipe = cx.typed(DEV, folder, &[]);
    recipe
        .env("PATH", path)
        .env("SERVER_PORT", port.to_string())
        .stdout(log.try_clone()?)
        .stderr(log);
    cx.shared.cache.share_builds(&mut recipe, "just-dev");
    let _running = Child::spawn(&mut recipe)?;
    wait_for_starts(cx, port, 1, what)?;
    let main = folder.join("src/main.rs");
    let text = fs::read_to_string(&main)?;
    fs::write(&main, text + "\n// changed\n")?;
    wait_for_starts(cx, port, 2, what)
}

/// Waits until the service has said for the `times`-th time where it is, and answers there.
fn wait_for_starts(cx: &Context<'_>, port: u16, times: usize, what: &str) -> Outcome {
    let address = format!("http://127.0.0.1:{port}/docs");
    while Instant::now() < cx.deadline {
        let starts = fs::read_to_string(&cx.log)?.matches(&address).count();
        if starts >= times && http::get(port, "/livez").is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        process::pause(Duration::from_millis(200))?;
    }
    Err(Failure::new("the service didn't start again", what).at(format!("start {times}")))
}

fn browser_creates_a_user(cx: &Context<'_>) -> Outcome {
    let playwright = tools::python(cx, "playwright", PLAYWRIGHT, "python")?;
    let browser = browser(cx)?;
    let place = place_to_run(cx, Kind::Sqlite)?;
    let service = place.binary.serve(http::free_port()?, &cx.log)?;
    let picture = cx.log.with_extension("png");
    cx.step(
        program(playwright, place.folder.path())
            .arg(cx.repo().root().join("xtask/scripts/swagger_ui.py"))
            .arg(browser)
            .arg(service.url())
            .arg(&picture),
        "the page doesn't work in a browser",
    )?;
    cx.note(&format!("see {}", picture.display()))?;
    service.stop()?;
    Ok(())
}

fn browser(cx: &Context<'_>) -> Result<PathBuf> {
    let found = || {
        ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(packages::find_program)
    };
    if found().is_none() {
        let by_hand = "Chromium is needed for this check (Debian: `apt-get install chromium`).";
        packages::install(&["chromium"], by_hand, |command| {
            Ok(cx.execute(command)?.success())
        })?;
    }
    let Some(browser) = found() else {
        bail!("Chromium was installed, but is not on the PATH");
    };
    browser.canonicalize().context("Chromium can't be found")
}

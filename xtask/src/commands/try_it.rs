//! `cargo xtask try`: the first minute, from nothing to a page that can be tried out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cache::Cache;
use crate::cargo::cargo;
use crate::cli::TryOptions;
use crate::commands::generate;
use crate::generate::Request;
use crate::http;
use crate::names;
use crate::process::{Child, Interrupted};
use crate::progress;
use crate::repo::Repo;
use crate::service::Binary;

const DEFAULT_PORT: u16 = 8080;
/// A cold build on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_hours(1);
const COMMAND_LIMIT: Duration = Duration::from_mins(2);
const EXAMPLE_ROWS: &str = "25";

pub(crate) fn run(options: &TryOptions) -> Result<ExitCode> {
    let repo = Repo::find()?;
    names::check_name(&repo, &options.name)?;
    let parts = names::parts(&repo, options.parts.as_deref())?;
    let pipeline = names::pipeline(&repo, options.ci.as_deref())?;
    choose_port(options.port)?; // before anything that takes long

    // Dropped at the end, whatever happens: then the project is gone.
    let temporary = if options.dir.is_none() {
        Some(TempDir::with_prefix("strata-try-").context("cannot create a temporary folder")?)
    } else {
        None
    };
    let project = match (&options.dir, &temporary) {
        (Some(folder), _) => std::path::absolute(folder)?,
        (None, Some(temporary)) => temporary.path().join(&options.name),
        (None, None) => bail!("there is no folder for the project"),
    };
    // Outside the project, which is only the owner's.
    let log_folder = TempDir::with_prefix("strata-try-log-")?;
    let log = log_folder.path().join("log");

    let begun = Instant::now();
    generate::into_folder(
        &repo,
        &Request::new(&options.name)
            .parts(parts.clone())
            .ci(&pipeline),
        &project,
    )?;
    println!(
        "  generated   {} in {:.1} s",
        generate::describe(&options.name, &parts),
        begun.elapsed().as_secs_f32()
    );

    let outcome = build_and_serve(&repo, options, &parts, &project, &log);
    if outcome
        .as_ref()
        .is_err_and(|error| !error.is::<Interrupted>())
    {
        show_tail(&log);
    }
    outcome
}

fn build_and_serve(
    repo: &Repo,
    options: &TryOptions,
    parts: &[String],
    project: &Path,
    log: &Path,
) -> Result<ExitCode> {
    let cache = Cache::of(repo)?;
    let cargo = |arguments: &[&str]| {
        let mut command = cargo(project, arguments.iter().copied());
        // A linker that is killed leaves its own temporary files behind.
        command.env("TMPDIR", log.parent().unwrap_or(project));
        if options.dir.is_none() {
            // What is compiled stays for the next time, what is linked goes with the project.
            cache
                .share_builds(&mut command, "")
                .env("CARGO_TARGET_DIR", project.join("target"));
        }
        command
    };
    let path = progress::build(cargo, log, Instant::now() + BUILD_LIMIT)?;
    let binary = Binary {
        path,
        folder: project.to_path_buf(),
        settings: vec![("APP_ENV".into(), "local".into())],
    };

    let filled = fill(&binary, project, parts, log)?;
    println!("  database    {filled}");

    let port = choose_port(options.port)?;
    let mut service = binary.serve(port, log)?;
    let leaves = options.dir.as_ref().map_or_else(
        || "this removes the project (--dir <folder> keeps it)".to_owned(),
        |folder| format!("the project stays in {}", folder.display()),
    );
    println!("  stop        Ctrl-C; {leaves}");
    println!("  ready       {}", service.url());
    println!("  Swagger UI  {}/docs", service.url());
    match service.wait() {
        Err(error) if error.is::<Interrupted>() => {
            service.stop()?;
            Ok(ExitCode::SUCCESS) // the usual way to end it
        }
        Err(error) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// The port asked for, or the next free one if none was.
fn choose_port(asked: Option<u16>) -> Result<u16> {
    match asked {
        Some(port) if http::is_free(port) => Ok(port),
        Some(port) => bail!(
            "port {port} is in use. Accepted: a free port; without --port the next free one is taken."
        ),
        None => (DEFAULT_PORT..DEFAULT_PORT + 200)
            .find(|port| http::is_free(*port))
            .context("no port from 8080 to 8279 is free"),
    }
}

/// Migrates and, with the examples, adds rows; returns what there is now.
fn fill(binary: &Binary, project: &Path, parts: &[String], log: &Path) -> Result<String> {
    run_command(binary, &["migrate", "up"], log)?;
    let migrations = std::fs::read_dir(project.join("src/migrations"))?.filter_map(Result::ok);
    let migrations = migrations
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("m2"))
        .count();
    let examples = if parts.iter().any(|part| part == "examples") {
        run_command(binary, &["seed", "--rows", EXAMPLE_ROWS], log)?;
        format!(", {EXAMPLE_ROWS} example users")
    } else {
        String::new()
    };
    Ok(format!("sqlite, migrated ({migrations}){examples}"))
}

fn run_command(binary: &Binary, arguments: &[&str], log: &Path) -> Result<()> {
    let output = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)?;
    let mut command = binary.command(arguments.iter().copied());
    command.stdout(output.try_clone()?).stderr(output);
    if !Child::spawn(&mut command)?
        .wait(Instant::now() + COMMAND_LIMIT, || {})?
        .success()
    {
        bail!("`{}` of the service failed", arguments.join(" "));
    }
    Ok(())
}

fn show_tail(log: &Path) {
    let text = std::fs::read_to_string(PathBuf::from(log)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(60)..] {
        eprintln!("{line}");
    }
}

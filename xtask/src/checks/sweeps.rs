//! `lab/commands` and `lab/sweep`: the lab's load, what it writes, and what it says when something is wrong.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, Place, on_both_databases, place_to_run_with};
use crate::checks::{check, long_check};
use crate::context::Context;
use crate::generate::Request;
use crate::http;
use crate::process::{self, Child};
use crate::service;

const FEATURE: [&str; 2] = ["--features", "lab"];

const SERVE: &str = "cargo run --release --features lab";
const WARM_UP: &str = "cargo run --release --features lab -- lab warmup";
const SWEEP: &str = "cargo run --release --features lab -- lab sweep";
const REPORT: &str = "cargo run --release --features lab -- lab report";
const IMPORT: &str = "cargo run --release --features lab -- lab import one@5.csv";

const PAGE: &str = "docs/lab.md";

/// Fewer than the pool has, and more.
const CONNECTIONS: [&str; 2] = ["5", "30"];

/// What is swept beside `/lab/patterns`.
const LOADS: [&str; 6] = [
    "performance_async",
    "performance_sync",
    "slow_query",
    "long_running_query",
    "coalesced",
    "plain",
];

/// With more connections than the pool has, all requests may wait for each other, or for what was leaked.
const EXHAUSTING: [&str; 3] = ["nested_checkout", "session_for_each", "leaked_connection"];

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "lab/commands",
            20,
            "the lab's load is measured, kept and shown, and what is wrong is named",
            commands,
        ),
        long_check(
            "lab/sweep",
            60,
            "all patterns of the lab are swept on both databases, as docs/lab.md types it",
            every_pattern,
        )
        .typing(&[SERVE, WARM_UP, SWEEP, REPORT, IMPORT]),
    ]
}

/// What hey and oha wrote once, and how the lab's own tests call it.
fn recorded(cx: &Context<'_>, name: &str) -> PathBuf {
    let folder = cx
        .repo()
        .template()
        .join("src/commands/lab/import/recorded");
    folder.join(name)
}

fn commands(cx: &Context<'_>) -> Outcome {
    let place = place_to_run_with(cx, Kind::Sqlite, &FEATURE)?;
    let folder = place.folder.path();
    let port = http::free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    for (arguments, says) in [
        (&["sweep", "--url", &url][..], "nobody answers at"),
        (&["sweep", "--url", "http://192.0.2.1"], "--allow-remote"),
        (
            &["sweep", "--endpoints", "coalescd"],
            "did you mean coalesced?",
        ),
        (&["report"], "`lab sweep` makes one"),
        (
            &["import", "Cargo.toml"],
            "how many connections were there?",
        ),
        (
            &["import", "--concurrency", "1", "Cargo.toml"],
            "Cargo.toml can't be imported",
        ),
    ] {
        refused(cx, &place, arguments, says)?;
    }

    let service = place.binary.serve(port, &cx.log)?;
    let few = ["--url", &url, "--endpoints", "coalesced,plain,/livez"];
    cx.step(
        lab(&place, &["warmup", "--duration", "200ms"]).args(few),
        "patterns can't be warmed up",
    )?;
    let closed = [
        "sweep",
        "--concurrency",
        "2,5",
        "--requests",
        "40",
        "--warmup",
        "0s",
    ];
    cx.step(
        lab(&place, &closed).args(few),
        "a sweep in a closed loop fails",
    )?;
    let run = last_run(folder)?;
    measured(&run, 6, |row| {
        row.count("succeeded") == 40
            && row.count("failed") + row.count("unanswered") == 0
            && was_counted(row)
    })?;
    let open = [
        "sweep",
        "--concurrency",
        "5",
        "--rate",
        "50",
        "--duration",
        "1s",
        "--warmup",
        "0s",
    ];
    cx.step(
        lab(&place, &open).args(few),
        "a sweep in an open loop fails",
    )?;
    measured(&last_run(folder)?, 3, |row| {
        row.count("succeeded") + row.count("unanswered") == 50
    })?;
    interrupted(&place, &url)?;
    service.stop()?;
    columns_are_documented(cx, &run)?;
    imported(cx, &place, &run)
}

/// What others measured is added to a run, and its report is written anew.
fn imported(cx: &Context<'_>, place: &Place, run: &Path) -> Outcome {
    let folder = place.folder.path();
    let report = run.join("report.html");
    fs::remove_file(&report).context("the sweep wrote no report")?;
    let mut import = lab(place, &["import", "--into"]);
    import.arg(run);
    for (name, called) in [
        ("hey.csv", "one@5.csv"),
        ("hey.txt", "two@5.txt"),
        ("oha.json", "three@5.json"),
    ] {
        fs::copy(recorded(cx, name), folder.join(called))?;
        import.arg(called);
    }
    cx.step(&mut import, "what hey and oha wrote can't be imported")?;
    measured(run, 9, |_| true)?;

    let first = fs::read_to_string(&report)?;
    fs::remove_file(&report)?;
    let picture = folder.join("patterns.svg");
    cx.step(
        lab(place, &["report"])
            .arg(run)
            .arg("--picture")
            .arg(&picture),
        "the report can't be written anew",
    )?;
    let shown = [
        "coalesced",
        "plain",
        "/livez",
        "three",
        "Queries for 100 requests",
    ];
    if let Some(missing) = shown.iter().find(|part| !first.contains(**part)) {
        let wrong = format!("the report does not show {missing}");
        return Err(Failure::new(wrong, report.display().to_string()));
    }
    if first != fs::read_to_string(&report)? {
        let wrong = "the same run has another report when it is written again";
        return Err(Failure::new(wrong, report.display().to_string()));
    }
    if !fs::read_to_string(picture)?.starts_with("<svg") {
        return Err(Failure::new("there is no picture", "lab report --picture"));
    }
    Ok(())
}

/// A command of the lab.
fn lab(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.binary.command(["lab"]);
    command.args(arguments);
    command
}

/// Each column of the CSV files stands in docs/lab.md.
fn columns_are_documented(cx: &Context<'_>, run: &Path) -> Outcome {
    let page = fs::read_to_string(cx.repo().root().join(PAGE))?;
    for file in ["results.csv", "pool.csv"] {
        let text = fs::read_to_string(run.join(file))?;
        let mut columns = text.lines().next().unwrap_or_default().split(',');
        if let Some(column) = columns.find(|column| !page.contains(&format!("`{column}`"))) {
            return Err(Failure::new(
                format!("{PAGE} does not say what {column} is"),
                file,
            ));
        }
    }
    Ok(())
}

/// Ctrl-C in the midst of a measurement: the sweep ends well and soon, and what was counted is there.
fn interrupted(place: &Place, url: &str) -> Outcome {
    let what = "SIGINT while `lab sweep` measures";
    let runs = || last_run(place.folder.path());
    let before = runs()?;
    let mut sweep = place.binary.command(["lab", "sweep", "--url", url]);
    sweep.args([
        "--endpoints",
        "plain",
        "--duration",
        "10m",
        "--warmup",
        "0s",
    ]);
    let sweep = Child::spawn(sweep.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let mut sweep = sweep.stopped_by(Signal::SIGINT, Duration::from_secs(30));
    let limit = Instant::now() + Duration::from_secs(30);
    while runs()? == before {
        if Instant::now() > limit {
            return Err(Failure::new("the sweep did not begin", what));
        }
        process::pause(Duration::from_millis(50))?;
    }
    process::pause(Duration::from_secs(2))?;
    match sweep.stop() {
        Some(status) if status.success() => {}
        status => return Err(Failure::new(format!("it ended with {status:?}"), what)),
    }
    measured(&runs()?, 1, |row| row.count("succeeded") > 0)
}

/// The whole of it, typed from docs/lab.md in a generated project; with less patience than a reader has.
fn every_pattern(cx: &Context<'_>) -> Outcome {
    let parts = vec!["examples".to_owned(), "lab".to_owned()];
    let folder = cx.project(&Request::new("lab-sweep-svc").parts(parts))?;
    let _ = fs::remove_dir_all(folder.join("lab/runs"));
    let typed = |line| {
        let mut command = cx.typed(line, &folder, &[]);
        cx.share_builds(&mut command, &folder);
        command
    };
    on_both_databases(|kind| {
        let database = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(cx.database()?),
        };
        // The first time it is compiled, which takes longer than a service may take to start.
        cx.step(
            typed(SERVE).args(["--", "routes"]),
            "the lab does not build",
        )?;
        let port = http::free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut serve = typed(SERVE);
        if let Some(database) = &database {
            serve.env("DATABASE_URL", database.url());
        }
        let service = service::serve(serve, port, port, &cx.log)?;
        let here = ["--url", &url];
        cx.step(
            typed(WARM_UP).args(here).args(["--duration", "500ms"]),
            "patterns can't be warmed up",
        )?;
        let load = [
            "--concurrency",
            &CONNECTIONS.join(","),
            "--duration",
            "2s",
            "--warmup",
            "0s",
        ];
        cx.step(typed(SWEEP).args(here).args(load), "a sweep fails")?;
        let run = last_run(&folder)?;
        every_pattern_was_measured(cx, &run)?;
        service.stop()?;
        Ok(())
    })?;
    cx.step(&mut typed(REPORT), "the report can't be written anew")?;
    fs::copy(recorded(cx, "hey.csv"), folder.join("one@5.csv"))?;
    cx.step(&mut typed(IMPORT), "what hey wrote can't be imported")
}

/// That docs/lab.md names no pattern without a measurement at each number of connections, and that requests succeeded where it does not
/// say that none will.
fn every_pattern_was_measured(cx: &Context<'_>, run: &Path) -> Outcome {
    let page = fs::read_to_string(cx.repo().root().join(PAGE))?;
    let mut patterns: BTreeSet<&str> = page
        .split('`')
        .filter_map(|word| word.strip_prefix("/lab/patterns/"))
        .collect();
    patterns.extend(LOADS);
    let rows = rows(run)?;
    let has = |pattern: &str, connections: &str| {
        rows.iter()
            .any(|row| row.text("pattern") == pattern && row.text("concurrency") == connections)
    };
    for pattern in &patterns {
        if let Some(connections) = CONNECTIONS.iter().find(|number| !has(pattern, number)) {
            let wrong = format!("{pattern} was not measured with {connections} connections");
            return Err(Failure::new(
                wrong,
                run.join("results.csv").display().to_string(),
            ));
        }
    }
    measured(run, CONNECTIONS.len() * patterns.len(), |row| {
        let more_than_the_pool = row.text("concurrency") == CONNECTIONS[1];
        let may_fail = more_than_the_pool && EXHAUSTING.contains(&row.text("pattern"));
        let was_answered = row.count("succeeded") > 0 || may_fail && row.count("failed") > 0;
        was_answered && was_counted(row)
    })
}

/// That the service's metrics were found, where a pattern must have moved them. `coalesced` does so with more than one connection.
fn was_counted(row: &Row) -> bool {
    let queried = row.count("checkouts") > 0 && row.count("statements") > 0;
    match row.text("pattern") {
        "coalesced" => queried && row.count("coalesced") > 0,
        "plain" => queried,
        _ => true,
    }
}

/// A command that has to fail, and what it has to say.
fn refused(cx: &Context<'_>, place: &Place, arguments: &[&str], says: &str) -> Outcome {
    let mut command = lab(place, arguments);
    let log = cx.log.with_extension("said");
    command.stderr(File::create(&log)?);
    let status = Child::spawn(&mut command)?.wait(cx.deadline, || {})?;
    let said = fs::read_to_string(&log)?;
    if status.code() == Some(1) && said.starts_with("error: ") && said.contains(says) {
        return Ok(());
    }
    let what = format!("lab {}", arguments.join(" "));
    Err(Failure::new(format!("it does not say {says:?}"), what).at(format!("{status}: {said}")))
}

/// The run that was begun last in a project.
fn last_run(project: &Path) -> Result<PathBuf> {
    let runs = fs::read_dir(project.join("lab/runs")).context("there are no runs")?;
    let folders = runs.filter_map(|entry| Some(entry.ok()?.path()));
    let last = folders.filter(|path| path.is_dir()).max();
    last.context("there is no run")
}

/// A line of results.csv, by the names of its columns.
struct Row(Vec<(String, String)>);

impl Row {
    fn text(&self, column: &str) -> &str {
        let cell = self.0.iter().find(|(name, _)| name == column);
        cell.map_or("", |(_, value)| value)
    }

    fn count(&self, column: &str) -> u64 {
        self.text(column).parse().unwrap_or(0)
    }
}

fn rows(run: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(run.join("results.csv"))?;
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(','));
        Row(cells
            .map(|(name, cell)| ((*name).to_owned(), cell.to_owned()))
            .collect())
    };
    Ok(lines.map(row).collect())
}

/// That so many measurements are there, each as it has to be, and the report.
fn measured(run: &Path, count: usize, holds: impl Fn(&Row) -> bool) -> Outcome {
    let rows = rows(run)?;
    let what = run.join("results.csv").display().to_string();
    if rows.len() != count || count == 0 {
        return Err(Failure::new(
            format!("{} measurements instead of {count}", rows.len()),
            what,
        ));
    }
    if let Some(odd) = rows.iter().find(|row| !holds(row)) {
        return Err(
            Failure::new("a measurement is not what it should be", what).at(format!("{:?}", odd.0))
        );
    }
    if !run.join("report.html").is_file() {
        return Err(Failure::new(
            "there is no report",
            run.display().to_string(),
        ));
    }
    Ok(())
}

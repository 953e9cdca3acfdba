//! All rows of a large table as one answer.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::servers::{Server, Who};
use crate::bench::stage::Stage;
use crate::cargo::program;
use crate::runner::say;

const PATH: &str = "/api/v1/users/stream";

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    say(&format!("  stream      making {} users", pace.rows));
    let database = stage.postgres.create_database(&stage.cx.log)?;
    stage.fill(&database, "0")?;
    let users = format!(
        "INSERT INTO users (id, name, email, age, is_active, version, created_at, updated_at) \
         SELECT gen_random_uuid(), 'Ada Lovelace', 'ada.lovelace.' || n || '@example.com', n % 100, n % 10 <> 9, 1, \
         moment, moment FROM generate_series(1, {}) AS n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 ms' AS moment) AS m",
        pace.rows
    );
    ensure!(
        database.run(None, &users)?,
        "the rows can't be made; see {}",
        stage.cx.log.display()
    );
    stage.tidy(&database)?;
    let mut servers = [
        (Who::Service, stage.serve(&database, &[], "/readyz")?),
        (Who::Bare, stage.start_on(Who::Bare, &database)?),
    ];
    // Before anything was streamed: what the first one leaves behind is growth, too.
    let mut held = HashMap::new();
    for (who, server) in &servers {
        held.insert(who.name(), server.group().resident()?);
        let rows = count(stage, server)?;
        ensure!(
            rows == pace.rows,
            "{} streams {rows} rows of {}",
            who.describe(),
            pace.rows
        );
    }
    for round in 0..pace.rounds {
        say(&format!(
            "  stream      round {} of {}",
            round + 1,
            pace.rounds
        ));
        for (who, server) in &servers {
            let group = server.group();
            group.forget_peak()?;
            let used = group.processor_seconds()?;
            let seconds = take(stage, server)?;
            let key = |figure| format!("stream/{}/{figure}", who.name());
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            samples.add(key("rows"), pace.rows as f64 / seconds);
            samples.add(key("cpu"), group.processor_seconds()? - used);
            samples.add(key("growth"), group.peak()? - held[who.name()]);
        }
        // None is always the one behind the other.
        servers.reverse();
    }
    Ok(())
}

/// The seconds that a client takes for all of it.
fn take(stage: &Stage<'_>, server: &Server) -> Result<f64> {
    let mut curl = program("curl", stage.cx.repo().root());
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--output",
        "/dev/null",
    ])
    .args(["--write-out", "%{time_total}", &server.url(PATH)]);
    let (status, seconds) = stage.cx.output(&mut curl)?;
    ensure!(
        status.success(),
        "the stream breaks off; see {}",
        stage.cx.log.display()
    );
    seconds.parse().context("curl tells the time in seconds")
}

/// The lines that a client gets.
fn count(stage: &Stage<'_>, server: &Server) -> Result<u64> {
    let mut count = program("bash", stage.cx.repo().root());
    let script = "set -o pipefail; curl --silent --show-error --fail \"$0\" | wc --lines";
    let (status, lines) = stage
        .cx
        .output(count.args(["-c", script, &server.url(PATH)]))?;
    ensure!(
        status.success(),
        "the stream breaks off; see {}",
        stage.cx.log.display()
    );
    lines.trim().parse().context("wc counts in numbers")
}

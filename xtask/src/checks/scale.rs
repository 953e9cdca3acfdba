//! `scale/*`: what holds for a few rows holds for many.

use crate::check::{Check, Failure, Outcome};
use crate::checks::long_check;
use crate::context::Context;

/// The test that streams all users and looks at the service's memory. It runs on both databases, with and without a snapshot.
const TEST: &str = "memory_does_not_grow_with_the_result";
const CASES: usize = 4;
const ROWS: &str = "1000000";

pub(super) fn checks() -> Vec<Check> {
    vec![long_check(
        "scale/million-rows",
        45,
        "a million rows are streamed from either database, and the service's memory does not grow with them",
        a_million_rows,
    )]
}

fn a_million_rows(cx: &Context<'_>) -> Outcome {
    let what = format!("TEST_STREAM_ROWS={ROWS} cargo test --test process {TEST}");
    let mut test = cx.cargo(
        &cx.repo().template(),
        [
            "test",
            "--test",
            "process",
            TEST,
            "--",
            "--nocapture",
            "--test-threads=1",
        ],
    );
    test.env("TEST_STREAM_ROWS", ROWS)
        .env("TEST_DATABASE_URL", cx.postgres()?.url());
    let (status, output) = cx.output(&mut test)?;
    cx.note(&output)?;
    if !status.success() {
        return Err(Failure::new(
            "streaming a million rows does not pass its test",
            what,
        ));
    }
    let streamed = output.matches(&format!("{ROWS} rows in")).count();
    if streamed != CASES {
        let found = format!("{streamed} of {CASES} streams had a million rows");
        return Err(Failure::new(found, what));
    }
    Ok(())
}

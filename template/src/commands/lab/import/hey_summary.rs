//! The summary of `hey`, for people.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};

use crate::commands::lab::{
    load::by_success,
    run::Row,
    sweep::{per_second, statuses},
};

pub(super) const HEADING: &str = "Summary:";

pub(super) fn parse(text: &str) -> anyhow::Result<Row> {
    let total = secs(text, "Total:").context("it has no line `Total:`")?;
    // `[200]  357 responses`
    let answers = in_brackets(text, "Status code distribution:").filter_map(|(status, rest)| {
        let count = rest.strip_suffix(" responses")?;
        Some((status.parse().ok()?, count.parse().ok()?))
    });
    let counts: BTreeMap<u16, u64> = answers.collect();
    // `[4]  Get "http://127.0.0.1:8080/": context deadline exceeded`
    let errors = in_brackets(text, "Error distribution:");
    let unanswered = errors
        .filter_map(|(count, _)| count.parse::<u64>().ok())
        .sum();
    let (succeeded, failed) = by_success(&counts);
    ensure!(
        succeeded + failed + unanswered > 0,
        "it speaks of no request"
    );
    // Where nothing was answered it writes 0 and NaN; of too few answers to tell the slowest hundredth it writes `0% in 0.0000 secs`.
    let latency = |name| secs(text, name).filter(|_| succeeded + failed > 0);
    let in_ms = |name| latency(name).map(|secs| (secs * 1e6).round() / 1e3);
    Ok(Row {
        source: "hey".to_owned(),
        seconds: total,
        succeeded,
        failed,
        unanswered,
        throughput: per_second(succeeded, Duration::try_from_secs_f64(total)?),
        mean_ms: in_ms("Average:"),
        p50_ms: in_ms("50% in"),
        p95_ms: in_ms("95% in"),
        p99_ms: in_ms("99% in"),
        max_ms: in_ms("Slowest:"),
        statuses: statuses(&counts),
        ..Row::default()
    })
}

/// The figure of a line such as `Average: 0.0072 secs`.
fn secs(text: &str, name: &str) -> Option<f64> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(name));
    let value = lines.next()?.trim().strip_suffix(" secs")?;
    value
        .trim()
        .parse()
        .ok()
        .filter(|secs: &f64| secs.is_finite())
}

/// Lines such as `[200] 357 responses`, below a heading: what is in the brackets, and what follows.
fn in_brackets<'t>(text: &'t str, heading: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let below = text.split_once(heading).map_or("", |(_, below)| below);
    let lines = below.trim_start().lines();
    lines.map_while(|line| {
        let (inside, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some((inside, rest.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What hey 0.1.4 wrote: `hey -n 400 -c 8 -t 1`, of which four were not answered within that second.
    const RECORDED: &str = include_str!("recorded/hey.txt");
    /// Where nobody listened.
    const NOBODY: &str = include_str!("recorded/hey_nobody.txt");

    #[test]
    fn what_hey_wrote_is_read() {
        let expected = Row {
            source: "hey".to_owned(),
            seconds: 2.4708,
            succeeded: 357,
            failed: 39,
            unanswered: 4,
            throughput: 144.5,
            mean_ms: Some(7.2),
            p50_ms: Some(4.7),
            p95_ms: Some(24.5),
            p99_ms: Some(35.2),
            max_ms: Some(49.5),
            statuses: "200:357 503:39".to_owned(),
            ..Row::default()
        };
        assert_eq!(parse(RECORDED).unwrap(), expected);
    }

    #[test]
    fn a_summary_of_failures_has_no_latencies() {
        let row = parse(NOBODY).unwrap();
        assert_eq!((row.succeeded, row.failed, row.unanswered), (0, 0, 60));
        assert_eq!((row.mean_ms, row.p50_ms, row.max_ms), (None, None, None));
    }

    #[test]
    fn of_few_requests_the_slowest_hundredth_is_not_known() {
        let few = RECORDED.replace("99% in 0.0352 secs", "0% in 0.0000 secs");
        assert_eq!(parse(&few).unwrap().p99_ms, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, expected) in [
            ("Summary:\n", "no line `Total:`"),
            ("Summary:\n  Total:\t1.0 secs\n", "no request"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

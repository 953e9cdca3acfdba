//! `oha --output-format json`.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::commands::lab::{
    load::by_success,
    run::Row,
    sweep::{per_second, statuses},
};

/// The part of it that is of interest here, in seconds. What can't be said is null.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: Percentiles,
    status_code_distribution: BTreeMap<u16, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    total: f64,
    average: Option<f64>,
    slowest: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Percentiles {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// Requests that were under way when the time was over, which oha counts among the errors.
const CUT_OFF: &str = "aborted due to deadline";

pub(super) fn parse(text: &str) -> anyhow::Result<Row> {
    let output: Output = serde_json::from_str(text).context("it is not what oha writes")?;
    let counts = output.status_code_distribution;
    let errors = output.error_distribution.iter();
    let unanswered = errors
        .filter(|(error, _)| *error != CUT_OFF)
        .map(|(_, count)| count)
        .sum();
    let (succeeded, failed) = by_success(&counts);
    ensure!(
        succeeded + failed + unanswered > 0,
        "it speaks of no request"
    );
    let (summary, percentiles) = (output.summary, output.latency_percentiles);
    let in_ms = |secs: Option<f64>| secs.map(|secs| (secs * 1e6).round() / 1e3);
    Ok(Row {
        source: "oha".to_owned(),
        seconds: (summary.total * 1e3).round() / 1e3,
        succeeded,
        failed,
        unanswered,
        throughput: per_second(succeeded, Duration::try_from_secs_f64(summary.total)?),
        mean_ms: in_ms(summary.average),
        p50_ms: in_ms(percentiles.p50),
        p95_ms: in_ms(percentiles.p95),
        p99_ms: in_ms(percentiles.p99),
        max_ms: in_ms(summary.slowest),
        statuses: statuses(&counts),
        ..Row::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What oha 1.16.0 wrote: `oha -n 400 -c 8 -t 1s --output-format json`, of which four were not answered within that second.
    const RECORDED: &str = include_str!("recorded/oha.json");
    /// Where nobody listened.
    const NOBODY: &str = include_str!("recorded/oha_nobody.json");

    #[test]
    fn what_oha_wrote_is_read() {
        let expected = Row {
            source: "oha".to_owned(),
            seconds: 1.382,
            succeeded: 356,
            failed: 40,
            unanswered: 4,
            throughput: 257.6,
            mean_ms: Some(6.426),
            p50_ms: Some(4.851),
            p95_ms: Some(18.613),
            p99_ms: Some(25.85),
            max_ms: Some(29.704),
            statuses: "200:356 503:40".to_owned(),
            ..Row::default()
        };
        assert_eq!(parse(RECORDED).unwrap(), expected);
    }

    #[test]
    fn where_nothing_was_answered_there_are_no_latencies() {
        let row = parse(NOBODY).unwrap();
        assert_eq!((row.succeeded, row.failed, row.unanswered), (0, 0, 8));
        assert_eq!((row.mean_ms, row.p50_ms, row.max_ms), (None, None, None));
    }

    #[test]
    fn what_was_under_way_at_the_end_did_not_fail() {
        let cut_off = RECORDED.replace(
            "\"timeout\": 4",
            &format!("\"{CUT_OFF}\": 8, \"timeout\": 1"),
        );
        assert_eq!(parse(&cut_off).unwrap().unanswered, 1);
    }

    #[test]
    fn something_else_is_refused() {
        for text in [
            "{}",
            "{\"summary\": 1}",
            "{",
            &RECORDED[..RECORDED.len() / 2],
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, "it is not what oha writes", "{text}");
        }
    }
}

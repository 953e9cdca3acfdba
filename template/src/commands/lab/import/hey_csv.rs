//! `hey -o csv`: a line for each request that was answered. What was not answered is not in it.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::commands::lab::{
    load::{Answer, Tally},
    number::millis,
    run::Row,
    sweep::{per_second, statuses},
};

pub(super) const FIRST_COLUMN: &str = "response-time,";

/// The columns of interest, in seconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    response_time: f64,
    status_code: u16,
    /// When the request was sent, since the start.
    offset: f64,
}

pub(super) fn parse(text: &str) -> anyhow::Result<Row> {
    let mut tally = Tally::new()?;
    let mut took = Duration::ZERO;
    for (number, line) in csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .enumerate()
    {
        let line: Line = line.with_context(|| format!("request {}", number + 1))?;
        let latency = seconds(line.response_time)?;
        tally.count(Answer::Status(line.status_code), latency);
        took = took.max(seconds(line.offset)? + latency);
    }
    ensure!(tally.requests() > 0, "no request in it was answered");
    Ok(Row {
        source: "hey".to_owned(),
        seconds: millis(took) / 1e3,
        succeeded: tally.succeeded(),
        failed: tally.failed(),
        throughput: per_second(tally.succeeded(), took),
        mean_ms: tally.mean_ms(),
        p50_ms: tally.quantile_ms(0.5),
        p95_ms: tally.quantile_ms(0.95),
        p99_ms: tally.quantile_ms(0.99),
        max_ms: tally.max_ms(),
        statuses: statuses(&tally.statuses),
        ..Row::default()
    })
}

fn seconds(value: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(value).with_context(|| format!("{value} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What hey 0.1.4 wrote: `hey -n 400 -c 8 -t 1 -o csv`, of which five were not answered within that second.
    const RECORDED: &str = include_str!("recorded/hey.csv");

    #[test]
    fn what_hey_wrote_is_read() {
        let row = parse(RECORDED).unwrap();
        assert_eq!((row.succeeded + row.failed, row.unanswered), (395, 0));
        assert_eq!(
            row.statuses,
            format!("200:{} 503:{}", row.succeeded, row.failed)
        );
        let (p50, p99) = (row.p50_ms.unwrap(), row.p99_ms.unwrap());
        assert!(4.0 < p50 && p50 < p99 && p99 <= row.max_ms.unwrap());
    }

    #[test]
    fn figures_are_those_of_the_lines() {
        let head = RECORDED.lines().next().unwrap();
        let row = parse(&format!(
            "{head}\n0.0100,0,0,0,0,0,200,0.0\n0.0300,0,0,0,0,0,503,0.97\n"
        ))
        .unwrap();
        assert_eq!(
            (row.succeeded, row.failed, row.seconds, row.throughput),
            (1, 1, 1.0, 1.0)
        );
        // Three digits: 10 ms stands for what is not longer than 10.007.
        assert_eq!((row.p50_ms, row.mean_ms), (Some(10.007), Some(20.006)));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_request() {
        let head = RECORDED.lines().next().unwrap();
        for (lines, expected) in [
            ("", "no request in it was answered"),
            ("0.01,0,0,0,0,0,200,0\nx,0,0,0,0,0,200,0\n", "request 2"),
            ("-1,0,0,0,0,0,200,0\n", "-1 is no time"),
        ] {
            let error = format!("{:#}", parse(&format!("{head}\n{lines}")).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! The plots of the report: which figures of the measurements each one shows.

use maud::{Markup, html};

use super::{COALESCING, PatternRows, Section};
use crate::commands::lab::{
    number::float,
    plot::{self, Heights, Labels, Series},
    run::{PoolRow, Results, Row},
};

const CONNECTIONS: &str = "connections";

/// Successes per second, of each pattern.
pub(super) fn throughput(section: &Section<'_>) -> Markup {
    let labels = Labels {
        title: "Throughput",
        x: CONNECTIONS,
        y: "successes per second",
    };
    compared(section, labels, Heights::Linear, |row| Some(row.throughput))
}

/// What the slowest of a hundred had to wait, of each pattern.
pub(super) fn slowest(section: &Section<'_>) -> Markup {
    let labels = Labels {
        title: "Latency that 99 of 100 kept to",
        x: CONNECTIONS,
        y: "p99 in ms",
    };
    compared(section, labels, Heights::Log, |row| row.p99_ms)
}

fn compared(
    section: &Section<'_>,
    labels: Labels<'_>,
    heights: Heights,
    figure: impl Fn(&Row) -> Option<f64>,
) -> Markup {
    let concurrencies = concurrencies(&section.patterns);
    let series = section.patterns.iter().map(|pattern| {
        let at = |concurrency: &u32| figure(pattern.at(*concurrency)?);
        Series {
            name: pattern.name.clone(),
            values: concurrencies.iter().map(at).collect(),
        }
    });
    let series: Vec<_> = series.collect();
    plot::lines(labels, &texts(&concurrencies), &series, heights)
}

/// A pattern's latencies: what is usual, and what the slowest wait.
pub(super) fn latency(pattern: &PatternRows<'_>) -> Markup {
    let labels = Labels {
        title: "Latency",
        x: CONNECTIONS,
        y: "ms",
    };
    let series = [
        of(pattern, "mean", |row| row.mean_ms),
        of(pattern, "p50", |row| row.p50_ms),
        of(pattern, "p95", |row| row.p95_ms),
        of(pattern, "p99", |row| row.p99_ms),
    ];
    plot::lines(labels, &places(pattern), &series, Heights::Log)
}

/// How a pattern's requests ended.
pub(super) fn outcome(pattern: &PatternRows<'_>) -> Markup {
    let labels = Labels {
        title: "Success and failure",
        x: CONNECTIONS,
        y: "% of requests",
    };
    let share = |count: fn(&Row) -> u64| {
        move |row: &Row| Some(100.0 * float(count(row)) / float(row.requests().max(1)))
    };
    let series = [
        of(pattern, "succeeded", share(|row| row.succeeded)),
        of(pattern, "failed", share(|row| row.failed)),
        of(pattern, "not answered", share(|row| row.unanswered)),
    ];
    plot::stacks(labels, &places(pattern), &series)
}

/// The pool while a pattern was loaded with the most connections; nothing if nobody looked at it.
pub(super) fn pool(pattern: &PatternRows<'_>, results: &Results) -> Markup {
    let Some(hardest) = pattern.hardest() else {
        return html! {};
    };
    let samples: Vec<_> = results
        .pool
        .iter()
        .filter(|sample| sample.is_of(hardest))
        .collect();
    let over_time = |name: &str, figure: fn(&PoolRow) -> u32| {
        let points = samples
            .iter()
            .map(|sample| (sample.at_ms / 1e3, f64::from(figure(sample))));
        (name.to_owned(), points.collect::<Vec<_>>())
    };
    let limit = hardest.pool_max.map(f64::from);
    let in_use = format!("Pool at {} connections", hardest.concurrency);
    let waiting = format!(
        "Waiting for the pool at {} connections",
        hardest.concurrency
    );
    let labels = |title, y| Labels {
        title,
        x: "seconds",
        y,
    };
    html! {
        @if !samples.is_empty() {
            (plot::over_time(labels(&in_use, "connections in use"), &[over_time("in use", |sample| sample.in_use)], limit))
        }
        @if samples.iter().any(|sample| sample.waiting > 0) {
            (plot::over_time(labels(&waiting, "callers"), &[over_time("waiting", |sample| sample.waiting)], None))
        }
    }
}

/// Queries without coalescing, with it, and those that it prevented, for as many requests; nothing unless both were swept.
///
/// A query is counted by the connection that it takes: it is several statements, since a transaction is around it.
pub(super) fn coalescing(section: &Section<'_>) -> Markup {
    let labels = Labels {
        title: "Queries for 100 requests",
        x: CONNECTIONS,
        y: "queries",
    };
    // What only hey or oha measured has no queries.
    let swept = |name: &str| {
        let mut patterns = section.patterns.iter();
        patterns.find(|rows| rows.pattern == name && rows.rows.iter().any(|row| row.is_swept()))
    };
    let [Some(with), Some(without)] = COALESCING.map(|pattern| swept(pattern.name)) else {
        return html! {};
    };
    let concurrencies = concurrencies(&section.patterns);
    let series = |name: &str, pattern: &PatternRows<'_>, count: fn(&Row) -> Option<u64>| {
        let at = |concurrency: &u32| {
            let row = pattern.at(*concurrency)?;
            Some(100.0 * float(count(row)?) / float(row.requests().max(1)))
        };
        Series {
            name: name.to_owned(),
            values: concurrencies.iter().map(at).collect(),
        }
    };
    let series = [
        series("without", without, |row| row.checkouts),
        series("with", with, |row| row.checkouts),
        series("prevented", with, |row| row.coalesced),
    ];
    plot::lines(labels, &texts(&concurrencies), &series, Heights::Linear)
}

/// All patterns beside each other, as a picture that stands alone.
pub(super) fn comparison(sections: &[Section<'_>], style: &str) -> Markup {
    let patterns = || sections.iter().flat_map(|section| &section.patterns);
    let bars: Vec<_> = patterns()
        .filter_map(|pattern| Some((pattern.name.clone(), pattern.hardest()?.throughput)))
        .collect();
    let most = patterns()
        .filter_map(|pattern| Some(pattern.hardest()?.concurrency))
        .max();
    let title = format!(
        "What the patterns manage with {} connections",
        most.unwrap_or(0)
    );
    let labels = Labels {
        title: &title,
        x: "successes per second",
        y: "pattern",
    };
    plot::bars(labels, &bars, style)
}

fn of(pattern: &PatternRows<'_>, name: &str, figure: impl Fn(&Row) -> Option<f64>) -> Series {
    Series {
        name: name.to_owned(),
        values: pattern.rows.iter().map(|row| figure(row)).collect(),
    }
}

fn places(pattern: &PatternRows<'_>) -> Vec<String> {
    pattern
        .rows
        .iter()
        .map(|row| row.concurrency.to_string())
        .collect()
}

fn concurrencies(patterns: &[PatternRows<'_>]) -> Vec<u32> {
    let rows = patterns.iter().flat_map(|pattern| &pattern.rows);
    let mut all: Vec<_> = rows.map(|row| row.concurrency).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn texts(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(u32::to_string).collect()
}

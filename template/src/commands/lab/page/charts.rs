//! The plots of the report: which figures of the measurements each one shows.

use maud::{Markup, html};

use super::{COALESCING, Course, Section};
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
    let series = section.patterns.iter().map(|course| {
        let at = |concurrency: &u32| {
            let row = course
                .rows
                .iter()
                .find(|row| row.concurrency == *concurrency)?;
            figure(row)
        };
        Series {
            name: course.name.to_owned(),
            values: concurrencies.iter().map(at).collect(),
        }
    });
    let series: Vec<_> = series.collect();
    plot::lines(labels, &texts(&concurrencies), &series, heights)
}

/// A pattern's latencies: what is usual, and what the slowest wait.
pub(super) fn latency(course: &Course<'_>) -> Markup {
    let labels = Labels {
        title: "Latency",
        x: CONNECTIONS,
        y: "ms",
    };
    let series = [
        of(course, "mean", |row| row.mean_ms),
        of(course, "p50", |row| row.p50_ms),
        of(course, "p95", |row| row.p95_ms),
        of(course, "p99", |row| row.p99_ms),
    ];
    plot::lines(labels, &places(course), &series, Heights::Log)
}

/// How a pattern's requests ended.
pub(super) fn outcome(course: &Course<'_>) -> Markup {
    let labels = Labels {
        title: "Success and failure",
        x: CONNECTIONS,
        y: "% of requests",
    };
    let share = |count: fn(&Row) -> u64| {
        move |row: &Row| Some(100.0 * float(count(row)) / float(row.requests().max(1)))
    };
    let series = [
        of(course, "succeeded", share(|row| row.succeeded)),
        of(course, "failed", share(|row| row.failed)),
        of(course, "not answered", share(|row| row.unanswered)),
    ];
    plot::stacks(labels, &places(course), &series)
}

/// The pool while a pattern was loaded with the most connections; nothing if nobody looked at it.
pub(super) fn pool(course: &Course<'_>, results: &Results) -> Markup {
    let Some(hardest) = course.hardest() else {
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
            (plot::course(labels(&in_use, "connections in use"), &[over_time("in use", |sample| sample.in_use)], limit))
        }
        @if samples.iter().any(|sample| sample.waiting > 0) {
            (plot::course(labels(&waiting, "callers"), &[over_time("waiting", |sample| sample.waiting)], None))
        }
    }
}

/// Statements without coalescing, with it, and those that it prevented, for as many requests.
pub(super) fn coalescing(section: &Section<'_>) -> Markup {
    let labels = Labels {
        title: "Statements for 100 requests",
        x: CONNECTIONS,
        y: "statements",
    };
    let course = |name: &str| section.patterns.iter().find(|course| course.name == name);
    let [Some(with), Some(without)] = COALESCING.map(|pattern| course(pattern.name)) else {
        return html! {};
    };
    let concurrencies = concurrencies(&section.patterns);
    let statements = |course: &Course<'_>| -> Vec<Option<f64>> {
        let at = |concurrency: &u32| {
            let row = course
                .rows
                .iter()
                .find(|row| row.concurrency == *concurrency)?;
            Some(100.0 * float(row.statements?) / float(row.requests().max(1)))
        };
        concurrencies.iter().map(at).collect()
    };
    let (with, without) = (statements(with), statements(without));
    let both = without.iter().zip(&with);
    let prevented = both
        .map(|(without, with)| Some(((*without)? - (*with)?).max(0.0)))
        .collect();
    let series = [
        ("without", without),
        ("with", with),
        ("prevented", prevented),
    ];
    let series = series.map(|(name, values)| Series {
        name: name.to_owned(),
        values,
    });
    plot::lines(labels, &texts(&concurrencies), &series, Heights::Linear)
}

/// All patterns beside each other, as a picture that stands alone.
pub(super) fn comparison(sections: &[Section<'_>], style: &str) -> Markup {
    let courses = sections.iter().flat_map(|section| &section.patterns);
    let bars: Vec<_> = courses
        .filter_map(|course| Some((course.name.to_owned(), course.hardest()?.throughput)))
        .collect();
    let hardest = sections.iter().flat_map(|section| &section.patterns);
    let most = hardest
        .filter_map(|course| Some(course.hardest()?.concurrency))
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

fn of(course: &Course<'_>, name: &str, figure: impl Fn(&Row) -> Option<f64>) -> Series {
    Series {
        name: name.to_owned(),
        values: course.rows.iter().map(|row| figure(row)).collect(),
    }
}

fn places(course: &Course<'_>) -> Vec<String> {
    course
        .rows
        .iter()
        .map(|row| row.concurrency.to_string())
        .collect()
}

fn concurrencies(courses: &[Course<'_>]) -> Vec<u32> {
    let rows = courses.iter().flat_map(|course| &course.rows);
    let mut all: Vec<_> = rows.map(|row| row.concurrency).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn texts(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(u32::to_string).collect()
}

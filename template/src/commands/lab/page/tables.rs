//! The tables of the report.

use maud::{Markup, html};

use super::{PatternRows, Section};
use crate::commands::lab::{
    number::{float, short},
    run::Row,
};

/// All patterns beside each other.
pub(super) fn comparison(sections: &[Section<'_>]) -> Markup {
    let rows = || {
        sections
            .iter()
            .flat_map(|section| &section.patterns)
            .filter_map(PatternRows::hardest)
    };
    let most = |figure: fn(&Row) -> Option<f64>| rows().filter_map(figure).fold(0.0, f64::max);
    let throughput = most(|row| Some(row.throughput));
    let p50 = most(|row| row.p50_ms);
    let p99 = most(|row| row.p99_ms);
    html! {
        div class="wide" { table {
            thead { tr {
                th scope="col" { "Pattern" }
                th scope="col" { "Connections" }
                th scope="col" { "Successes/s" }
                th scope="col" { "p50, ms" }
                th scope="col" { "p99, ms" }
                th scope="col" { "Success" }
                th scope="col" { "Checkouts/request" }
                th scope="col" { "Statements/request" }
                th scope="col" { "Pool, most in use" }
                th scope="col" { "Most waiting" }
            } }
            @for section in sections {
                tbody {
                    tr class="group" { th colspan="10" scope="rowgroup" { (section.title) } }
                    @for (name, row) in section.patterns.iter().filter_map(|pattern| Some((&pattern.name, pattern.hardest()?))) {
                        tr {
                            th scope="row" { (name) }
                            td { (row.concurrency) }
                            (barred(Some(row.throughput), throughput))
                            (barred(row.p50_ms, p50))
                            (barred(row.p99_ms, p99))
                            td { (percent(row)) }
                            td { (each(row, row.checkouts)) }
                            td { (each(row, row.statements)) }
                            td { (pool(row)) }
                            td { (optional(row.waiting_peak.map(f64::from))) }
                        }
                    }
                }
            }
        } }
    }
}

/// Each measurement, as it stands in the CSV file.
pub(super) fn all(rows: &[Row]) -> Markup {
    html! {
        details { summary { "As a table" } div class="wide" { table {
            thead { tr {
                @for name in ["Pattern", "From", "Connections", "Due/s", "Seconds", "Requests", "Succeeded", "Failed", "Not answered", "Successes/s", "Mean, ms", "p50", "p95", "p99", "Max", "Statuses"] {
                    th scope="col" { (name) }
                }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.pattern) }
                td { (row.source) }
                td { (row.concurrency) }
                td { (optional(row.rate)) }
                td { (short(row.seconds)) }
                td { (row.requests()) }
                td { (row.succeeded) }
                td { (row.failed) }
                td { (row.unanswered) }
                td { (short(row.throughput)) }
                @for value in [row.mean_ms, row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms] { td { (optional(value)) } }
                td { (row.statuses) }
            } } }
        } } }
    }
}

/// A figure, and behind it a bar as long as its share of the most.
fn barred(value: Option<f64>, most: f64) -> Markup {
    let share = value.map_or(0.0, |value| 100.0 * value / most.max(1e-9));
    html! {
        td class="barred" {
            (optional(value))
            svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" { rect class="bar s0" width=(format!("{share:.1}")) height="4" {} }
        }
    }
}

fn percent(row: &Row) -> String {
    let share = 100.0 * float(row.succeeded) / float(row.requests().max(1));
    // What failed once should not look as if nothing had.
    match (row.succeeded == row.requests(), share) {
        (true, _) => "100 %".to_owned(),
        (false, share) => format!("{:.1} %", share.min(99.9)),
    }
}

/// So many for each request.
fn each(row: &Row, count: Option<u64>) -> String {
    let Some(count) = count else {
        return "–".to_owned();
    };
    format!("{:.2}", float(count) / float(row.requests().max(1)))
}

fn pool(row: &Row) -> String {
    match (row.pool_peak, row.pool_max) {
        (Some(peak), Some(max)) => format!("{peak} of {max}"),
        _ => "–".to_owned(),
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), short)
}

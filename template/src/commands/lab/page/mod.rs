//! The report: one HTML file that needs nothing else, for light pages and dark ones.

mod charts;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    number::short,
    patterns::{COALESCING, GROUPS},
    run::{Results, Row},
};

const STYLE: &str = include_str!("style.css");
/// A picture that stands alone has a page of its own around it, of which it knows nothing.
const BARE_STYLE: &str = include_str!("bare.css");

/// What is shown together, with its own title.
struct Section<'r> {
    title: String,
    shows: &'static str,
    patterns: Vec<PatternRows<'r>>,
}

/// A pattern's measurements by one source at one rate, fewest connections first.
struct PatternRows<'r> {
    pattern: &'r str,
    /// The pattern, and what tells these measurements from others of the same.
    name: String,
    rows: Vec<&'r Row>,
}

impl<'r> PatternRows<'r> {
    /// The measurement at so many connections.
    fn at(&self, concurrency: u32) -> Option<&'r Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.concurrency == concurrency).copied()
    }

    /// The measurement at the most connections.
    fn hardest(&self) -> Option<&'r Row> {
        self.rows.last().copied()
    }

    fn is_of(&self, row: &Row) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|own| own.pattern == row.pattern && own.is_measured_like(row))
    }
}

/// The page.
pub(super) fn render(results: &Results) -> String {
    let sections = sections(results);
    let about = &results.about;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Lab report" @if !about.begun.is_empty() { ", " (about.begun) } }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Lab report" }
                    dl {
                        @for (what, value) in facts(results) { div { dt { (what) } dd { (value) } } }
                    }
                }
                main {
                    (overview(&sections))
                    @for section in &sections { (shown(section, results)) }
                    section { h2 { "All measurements" } (tables::all(&results.rows)) }
                }
                footer { p { "Latencies are those of every request that was answered, whatever its status, and of those that were given up, which count with the time they waited." } }
            }
        }
    };
    page.into_string()
}

/// The comparison of all patterns, as a picture that stands alone.
pub(super) fn picture(results: &Results) -> String {
    charts::comparison(&sections(results), BARE_STYLE).into_string()
}

fn facts(results: &Results) -> Vec<(&'static str, String)> {
    let about = &results.about;
    let processors = (about.processors > 0).then(|| about.processors.to_string());
    let pool = results.rows.iter().filter_map(|row| row.pool_max).max();
    let facts = [
        ("Begun", Some(about.begun.clone())),
        ("Service", Some(about.url.clone())),
        ("Load", Some(about.load.clone())),
        ("Processors", processors),
        ("Pool", pool.map(|max| format!("{max} connections"))),
        ("Measurements", Some(results.rows.len().to_string())),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(what, value)| Some((what, value?)));
    known.filter(|(_, value)| !value.is_empty()).collect()
}

/// The groups of the lab of which something was measured; what is in none comes last. None has more patterns than there are colours.
fn sections(results: &Results) -> Vec<Section<'_>> {
    let mut left = by_pattern(&results.rows);
    let mut sections = Vec::new();
    for group in GROUPS {
        let mut taken = Vec::new();
        for pattern in group.patterns {
            taken.extend(left.extract_if(.., |rows| rows.pattern == pattern.name));
        }
        for patterns in in_parts(taken) {
            sections.push(Section {
                title: group.title.to_owned(),
                shows: group.shows,
                patterns,
            });
        }
    }
    for patterns in in_parts(left) {
        let title = match patterns.as_slice() {
            [one] => one.name.clone(),
            _ => "Other endpoints".to_owned(),
        };
        sections.push(Section {
            title,
            shows: "",
            patterns,
        });
    }
    sections
}

/// Colours that people can tell apart.
const COLOURS: usize = 4;

fn in_parts(mut patterns: Vec<PatternRows<'_>>) -> Vec<Vec<PatternRows<'_>>> {
    let mut parts = Vec::new();
    while !patterns.is_empty() {
        let rest = patterns.split_off(patterns.len().min(COLOURS));
        parts.push(std::mem::replace(&mut patterns, rest));
    }
    parts
}

/// Rows by pattern, source and rate, in the order in which they were measured first. Of what was measured twice the last counts.
fn by_pattern(rows: &[Row]) -> Vec<PatternRows<'_>> {
    let mut patterns: Vec<PatternRows<'_>> = Vec::new();
    for row in rows {
        let at = patterns.iter().position(|known| known.is_of(row));
        let at = at.unwrap_or_else(|| {
            patterns.push(PatternRows {
                pattern: &row.pattern,
                name: told_apart(row, rows),
                rows: Vec::new(),
            });
            patterns.len() - 1
        });
        let rows = &mut patterns[at].rows;
        rows.retain(|other| other.concurrency != row.concurrency);
        rows.push(row);
        rows.sort_by_key(|row| row.concurrency);
    }
    patterns
}

/// The pattern's name; with who measured it and how many requests were due, where the pattern was measured in several ways.
fn told_apart(row: &Row, all: &[Row]) -> String {
    let mut same = all.iter().filter(|other| other.pattern == row.pattern);
    if same.all(|other| other.is_measured_like(row)) {
        return row.pattern.clone();
    }
    match row.rate {
        Some(rate) => format!("{} ({}, {} due/s)", row.pattern, row.source, short(rate)),
        None => format!("{} ({})", row.pattern, row.source),
    }
}

fn overview(sections: &[Section<'_>]) -> Markup {
    html! {
        section {
            h2 { "Comparison of patterns" }
            p { "Each at the most connections that it was measured with. Bars are as long as the figure beside them." }
            (tables::comparison(sections))
        }
    }
}

fn shown(section: &Section<'_>, results: &Results) -> Markup {
    html! {
        section {
            h2 { (section.title) }
            @if !section.shows.is_empty() { p { (section.shows) } }
            div class="plots" {
                (charts::throughput(section))
                (charts::slowest(section))
                (charts::coalescing(section))
            }
            @for pattern in &section.patterns {
                @if section.patterns.len() > 1 { h3 { (pattern.name) } }
                div class="plots" {
                    (charts::latency(pattern))
                    (charts::outcome(pattern))
                    (charts::pool(pattern, results))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The report: one HTML file that needs nothing else, for light pages and dark ones.

mod charts;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
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
    patterns: Vec<Course<'r>>,
}

/// A pattern's measurements, fewest connections first.
struct Course<'r> {
    name: &'r str,
    rows: Vec<&'r Row>,
}

impl Course<'_> {
    /// The measurement at the most connections.
    fn hardest(&self) -> Option<&Row> {
        self.rows.last().copied()
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

/// The groups of the lab of which something was measured; what is in none comes last.
fn sections(results: &Results) -> Vec<Section<'_>> {
    let mut left = courses(&results.rows);
    let mut sections = Vec::new();
    for group in GROUPS {
        let names = || group.patterns.iter().map(|pattern| pattern.name);
        let taken = names().filter_map(|name| {
            let at = left.iter().position(|course| course.name == name)?;
            Some(left.remove(at))
        });
        let patterns: Vec<_> = taken.collect();
        if !patterns.is_empty() {
            let title = group.title.to_owned();
            sections.push(Section {
                title,
                shows: group.shows,
                patterns,
            });
        }
    }
    // No more than there are colours.
    for patterns in in_parts(left) {
        let title = match patterns.as_slice() {
            [one] => one.name.to_owned(),
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

fn in_parts(mut courses: Vec<Course<'_>>) -> Vec<Vec<Course<'_>>> {
    let mut parts = Vec::new();
    while !courses.is_empty() {
        let rest = courses.split_off(courses.len().min(COLOURS));
        parts.push(std::mem::replace(&mut courses, rest));
    }
    parts
}

/// Rows by pattern, in the order in which they were measured first. Of what was measured twice the last counts.
fn courses(rows: &[Row]) -> Vec<Course<'_>> {
    let mut courses: Vec<Course<'_>> = Vec::new();
    for row in rows {
        let at = courses.iter().position(|course| course.name == row.pattern);
        let at = at.unwrap_or_else(|| {
            courses.push(Course {
                name: &row.pattern,
                rows: Vec::new(),
            });
            courses.len() - 1
        });
        let rows = &mut courses[at].rows;
        rows.retain(|other| other.concurrency != row.concurrency);
        rows.push(row);
        rows.sort_by_key(|row| row.concurrency);
    }
    courses
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
    let has_both = COALESCING.iter().all(|pattern| {
        let names = section.patterns.iter().map(|course| course.name);
        names.into_iter().any(|name| name == pattern.name)
    });
    html! {
        section {
            h2 { (section.title) }
            @if !section.shows.is_empty() { p { (section.shows) } }
            div class="plots" {
                (charts::throughput(section))
                (charts::slowest(section))
                @if has_both { (charts::coalescing(section)) }
            }
            @for course in &section.patterns {
                @if section.patterns.len() > 1 { h3 { (course.name) } }
                div class="plots" {
                    (charts::latency(course))
                    (charts::outcome(course))
                    (charts::pool(course, results))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The runbook: a section for each alert, whose queries and links lead somewhere.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::assert_none;
use crate::files::project_file;
use crate::names::Names;
use crate::promql::findings;
use crate::rules::alerts;

const PAGE: &str = "docs/runbook.md";

/// The one section that is about all of them.
const GENERAL: &str = "The first five minutes";

fn page(name: &str) -> String {
    fs::read_to_string(project_file("docs").join(name))
        .unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

fn runbook() -> String {
    page("runbook.md")
}

#[test]
fn every_alert_has_a_section_and_every_section_an_alert() {
    let runbook = runbook();
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    let sections: BTreeSet<_> = headings.filter(|heading| *heading != GENERAL).collect();
    let alerts = alerts();
    let alerts: BTreeSet<_> = alerts.keys().map(String::as_str).collect();
    assert_eq!(
        sections, alerts,
        "left is what {PAGE} explains, right what the rules may tell"
    );
}

#[test]
fn its_queries_are_about_series_and_labels_that_there_are() {
    let names = Names::all();
    let runbook = runbook();
    let queries: Vec<_> = runbook.split("```promql\n").skip(1).collect();
    assert!(queries.len() > 10, "the queries are not found");
    let mut found = Vec::new();
    for query in queries {
        let (query, _) = query.split_once("\n```").unwrap();
        let findings = findings(query, &names);
        found.extend(findings.iter().map(|it| format!("{PAGE}: {query}: {it}")));
    }
    assert_none(&found);
}

#[test]
fn its_links_lead_to_headings_that_there_are() {
    let runbook = runbook();
    let link = Regex::new(r"\]\(([a-z-]+\.md)?(?:#([^)]+))?\)").unwrap();
    let mut found = Vec::new();
    for link in link.captures_iter(&runbook) {
        let file = link.get(1).map_or("runbook.md", |file| file.as_str());
        let target = page(file);
        if let Some(anchor) = link.get(2)
            && !anchors(&target).any(|known| known == anchor.as_str())
        {
            found.push(format!(
                "{PAGE}: {file} has no heading #{}",
                anchor.as_str()
            ));
        }
    }
    assert_none(&found);
}

/// How headings are linked to: in lower case, without punctuation, blanks as `-`.
fn anchors(page: &str) -> impl Iterator<Item = String> + '_ {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
        text.chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
    })
}

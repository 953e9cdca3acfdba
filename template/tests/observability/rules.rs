//! Recording rules and alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use crate::files::project_file;
use crate::names::Names;
use crate::promql::findings;
use crate::{assert_none, text, yaml};

const FILE: &str = "prometheus/rules.yaml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    groups: Vec<Group>,
}

/// Rules that are worked out together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[expect(dead_code, reason = "that it is there is checked by reading it")]
    name: String,
    pub(crate) rules: Vec<Rule>,
}

/// A series that is recorded, or an alert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) record: Option<String>,
    pub(crate) alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    #[expect(dead_code, reason = "that it is text is checked by reading it")]
    holds: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The groups of the rules.
pub(crate) fn groups() -> Vec<Group> {
    yaml::<RuleFile>(FILE).groups
}

/// The alerts, by name; some have several speeds.
pub(crate) fn alerts() -> BTreeMap<String, Vec<Rule>> {
    let mut alerts = BTreeMap::<_, Vec<_>>::new();
    for rule in groups().into_iter().flat_map(|group| group.rules) {
        if let Some(name) = rule.alert.clone() {
            alerts.entry(name).or_default().push(rule);
        }
    }
    alerts
}

#[test]
fn rules_are_about_series_and_labels_that_there_are() {
    let names = Names::all();
    let rules: Vec<_> = groups().into_iter().flat_map(|group| group.rules).collect();
    assert!(rules.len() > 20, "the rules are not found");
    let of_rule = |rule: &Rule| {
        let name = rule.alert.as_ref().or(rule.record.as_ref());
        let name = name.map_or("a rule without a name", String::as_str);
        let findings = findings(&rule.expr, &names);
        let told = findings.iter().map(|it| format!("{FILE}: {name}: {it}"));
        told.collect::<Vec<_>>()
    };
    assert_none(&rules.iter().flat_map(of_rule).collect::<Vec<_>>());
}

/// Whether this is the place, by its path in the repository, or with an address before that.
fn leads_to(url: &str, place: &str) -> bool {
    let before = url.strip_suffix(place);
    before.is_some_and(|before| {
        before.is_empty() || (before.contains("://") && before.ends_with('/'))
    })
}

#[test]
fn the_runbook_may_be_read_elsewhere() {
    let place = "docs/runbook.md#errorslogged";
    let elsewhere = format!("https://git.example.com/team/service/blob/main/{place}");
    assert!(leads_to(place, place) && leads_to(&elsewhere, place));
    assert!(!leads_to(
        "https://git.example.com/runbook.md#errorslogged",
        place
    ));
    assert!(!leads_to("old-docs/runbook.md#errorslogged", place));
}

#[test]
fn every_alert_says_how_urgent_it_is_what_it_means_and_where_help_is() {
    for (name, rules) in alerts() {
        let runbook = format!("docs/runbook.md#{}", name.to_lowercase());
        for rule in rules {
            let severity = rule.labels.get("severity").map(String::as_str);
            assert!(
                matches!(severity, Some("page" | "ticket")),
                "{name}: {severity:?}"
            );
            for annotation in ["summary", "description"] {
                let text = rule.annotations.get(annotation);
                assert!(
                    text.is_some_and(|text| !text.is_empty()),
                    "{name}: {annotation}"
                );
            }
            let url = rule.annotations.get("runbook_url");
            assert!(
                url.is_some_and(|url| leads_to(url, &runbook)),
                "{FILE}: {name}: runbook_url is {url:?}, and should be {runbook}, after the address where people read it if you like"
            );
        }
    }
}

#[test]
fn every_alert_has_a_test() {
    let tests = text("prometheus/rules_test.yaml");
    let mut untested = BTreeSet::new();
    for (name, rules) in alerts() {
        for rule in rules {
            let window = rule.labels.get("window");
            let labels = match window {
                Some(window) => format!("alertname=\"{name}\", window=\"{window}\""),
                None => format!("alertname=\"{name}\""),
            };
            if !tests.contains(&labels) {
                untested.insert(format!(
                    "prometheus/rules_test.yaml never expects {{{labels}}}"
                ));
            }
        }
    }
    assert_none(&untested.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_operator_gets_the_same_rules() {
    const RESOURCE: &str = "k8s/components/prometheus-rule/prometheus-rule.yaml";
    let rules = text(FILE);
    let groups = rules.split_once("\ngroups:").unwrap().1;
    let indented: Vec<_> = format!("groups:{groups}")
        .lines()
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("  {line}")
            }
        })
        .collect();
    let resource = fs::read_to_string(project_file(RESOURCE)).unwrap();
    let (_, spec) = resource.split_once("\nspec:\n").unwrap();
    assert!(
        spec.lines().eq(indented.iter()),
        "{RESOURCE} has other rules than observability/{FILE}: `just rules` takes them over"
    );
}

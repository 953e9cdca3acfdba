//! The dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::names::Names;
use crate::promql::findings;
use crate::{assert_none, text};

const FILE: &str = "grafana/dashboards/service.json";

fn dashboard() -> Value {
    serde_json::from_str(&text(FILE)).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// What Grafana puts in the place of its variables; those in strings may stay.
fn as_asked(expression: &str) -> String {
    expression.replace("$__rate_interval", "5m")
}

#[test]
fn panels_are_about_series_and_labels_that_there_are() {
    let names = Names::all();
    let dashboard = dashboard();
    let mut found = Vec::new();
    let mut queries = 0;
    for panel in list(&dashboard, "panels") {
        for target in list(panel, "targets") {
            let expression = as_asked(target["expr"].as_str().unwrap());
            let title = &panel["title"];
            let findings = findings(&expression, &names);
            found.extend(findings.iter().map(|it| format!("{FILE}: {title}: {it}")));
            queries += 1;
        }
    }
    assert!(queries > 20, "the queries are not found");
    assert_none(&found);
}

#[test]
fn variables_are_taken_from_series_that_there_are() {
    let names = Names::all();
    let dashboard = dashboard();
    let mut found = Vec::new();
    for variable in list(&dashboard["templating"], "list") {
        if variable["type"] != "query" {
            continue;
        }
        let query = variable["query"]["query"].as_str().unwrap();
        let of_values = query.strip_prefix("label_values(");
        let of_values = of_values.and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = of_values.unwrap().rsplit_once(", ").unwrap();
        let asked = format!("group by ({label}) ({series})");
        let findings = findings(&asked, &names);
        found.extend(findings.iter().map(|it| format!("{FILE}: {query}: {it}")));
    }
    assert_none(&found);
}

#[test]
fn panels_have_numbers_of_their_own() {
    let dashboard = dashboard();
    let mut seen = BTreeSet::new();
    for panel in list(&dashboard, "panels") {
        let id = panel["id"].as_u64().unwrap();
        assert!(seen.insert(id), "{FILE}: two panels have the id {id}");
    }
}

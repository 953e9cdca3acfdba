//! What Grafana is given at its start: sources of the kind that the dashboard asks for, and dashboards where compose.yaml mounts them.

use serde::Deserialize;
use serde_json::Value;

use crate::{text, yaml};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sources {
    api_version: u8,
    datasources: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    name: String,
    uid: String,
    r#type: String,
    access: String,
    url: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    json_data: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Dashboards {
    api_version: u8,
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Provider {
    name: String,
    r#type: String,
    allow_ui_updates: bool,
    options: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    path: String,
}

#[test]
fn the_dashboard_finds_a_source_of_its_kind() {
    let sources: Sources = yaml("grafana/provisioning/datasources/sources.yaml");
    assert_eq!(sources.api_version, 1);
    for source in &sources.datasources {
        assert_eq!(
            source.access, "proxy",
            "{}: the browser can't reach it",
            source.name
        );
        assert!(
            source.url.starts_with("http://"),
            "{}: {}",
            source.name,
            source.url
        );
        assert!(!source.uid.is_empty(), "{}", source.name);
    }
    let by_default = sources.datasources.iter().find(|source| source.is_default);
    let by_default = by_default.expect("no source is the default");
    let dashboard: Value = serde_json::from_str(&text("grafana/dashboards/service.json")).unwrap();
    let asked = &dashboard["templating"]["list"][0];
    assert_eq!(asked["type"], "datasource");
    assert_eq!(asked["query"], by_default.r#type.as_str());
    assert!(by_default.json_data["timeInterval"].is_string());
}

#[test]
fn dashboards_are_looked_for_where_they_are_mounted() {
    let dashboards: Dashboards = yaml("grafana/provisioning/dashboards/files.yaml");
    assert_eq!(dashboards.api_version, 1);
    let compose = text("../compose.yaml");
    for provider in &dashboards.providers {
        assert_eq!(provider.r#type, "file", "{}", provider.name);
        assert!(
            !provider.allow_ui_updates,
            "what is changed on the page would be lost"
        );
        let mount = format!(
            "./observability/grafana/dashboards:{}:ro",
            provider.options.path
        );
        assert!(
            compose.contains(&mount),
            "compose.yaml mounts nothing as {mount}"
        );
    }
}

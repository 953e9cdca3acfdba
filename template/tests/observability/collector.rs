//! The collector's configuration, as far as it can be read without one: what it refers to is there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::yaml;

const FILE: &str = "otel-collector.yaml";

type Components = BTreeMap<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Collector {
    receivers: Components,
    processors: Components,
    exporters: Components,
    service: Service,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    pipelines: BTreeMap<String, Pipeline>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pipeline {
    receivers: Vec<String>,
    processors: Vec<String>,
    exporters: Vec<String>,
}

#[test]
fn pipelines_consist_of_what_is_configured_and_nothing_is_left_over() {
    let Collector {
        receivers,
        processors,
        exporters,
        service,
    } = yaml(FILE);
    let pipelines = &service.pipelines;
    let used = |part: fn(&Pipeline) -> &Vec<String>| {
        let mut used: Vec<_> = pipelines.values().flat_map(part).cloned().collect();
        used.sort();
        used.dedup();
        used
    };
    let configured = |components: &Components| components.keys().cloned().collect::<Vec<_>>();
    assert_eq!(used(|it| &it.receivers), configured(&receivers));
    assert_eq!(used(|it| &it.processors), configured(&processors));
    assert_eq!(used(|it| &it.exporters), configured(&exporters));
}

/// The service sends both as soon as it knows where to; what nobody takes is answered with 404.
#[test]
fn traces_and_logs_are_taken_where_the_service_sends_them() {
    let collector: Collector = yaml(FILE);
    let pipelines: Vec<_> = collector.service.pipelines.keys().collect();
    assert_eq!(pipelines, ["logs", "traces"]);
    let endpoint = &collector.receivers["otlp"]["protocols"]["http"]["endpoint"];
    assert_eq!(endpoint, "0.0.0.0:4318", "the port of OTLP over HTTP");
}

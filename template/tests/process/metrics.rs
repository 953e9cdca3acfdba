//! What the running service shows at /metrics, against the checked-in list.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::limits::lists;
use crate::program::{Program, get};
use crate::support::files::project_file;
#[cfg(feature = "http-client")]
use crate::{
    outbound::{Does, Upstream, quote},
    program::send,
};

/// A metric as a page of the reference describes it.
#[derive(Debug)]
struct Listed {
    kind: String,
    labels: BTreeSet<String>,
    help: String,
}

fn listed() -> BTreeMap<String, Listed> {
    let mut listed = BTreeMap::new();
    for page in fs::read_dir(project_file("docs/reference/metrics")).unwrap() {
        let page = fs::read_to_string(page.unwrap().path()).unwrap();
        for row in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let &[_, name, kind, labels, help, _] = &*cells else {
                panic!("no row of a metric: {row}")
            };
            let bare = |text: &str| text.trim_matches('`').to_owned();
            let labels = labels.split(", ").filter(|label| *label != "-");
            let metric = Listed {
                kind: kind.to_owned(),
                labels: labels.map(bare).collect(),
                help: help.to_owned(),
            };
            listed.insert(bare(name), metric);
        }
    }
    listed
}

/// The names of the labels of a line such as `name{a="1",b="2"} 3`.
fn labels(line: &str) -> BTreeSet<String> {
    let Some((_, labels)) = line.split_once('{') else {
        return BTreeSet::new();
    };
    // Values of ours hold neither `",` nor `=`.
    let labels = labels
        .split("\",")
        .filter_map(|label| label.split_once("=\""));
    labels.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_metric_is_in_the_checked_in_list_with_its_kind_labels_and_meaning() {
    // Nobody takes what is sent: it is enough that it is counted.
    let program = Program::on_free_port().with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    #[cfg(feature = "http-client")]
    let upstream = Upstream::start();
    #[cfg(feature = "http-client")]
    let program = program.with("UPSTREAM_BASE_URL", upstream.url.as_str());
    let mut service = program.start(&[]);
    let url = service.url();
    for path in ["/problems", "/nowhere", "/livez", "/readyz", "/health"] {
        get(&url, path);
    }
    let lists = lists(&program);
    for list in &lists {
        get(&url, list);
    }
    let has_streams = lists.iter().any(|list| list.ends_with("/stream"));
    #[cfg(feature = "http-client")]
    let has_quotes = asks_for_quotes(&url, &upstream);
    #[cfg(not(feature = "http-client"))]
    let has_quotes = false;
    let has_coalescers = !get(&url, "/coalescing/stats").ends_with("{}");
    let answer = get(&url, "/metrics");
    let (head, scraped) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );

    let listed = listed();
    let how = "`cargo run -- metrics --write` brings docs/reference/metrics up to date";
    let metric = |name: &str| {
        let found = listed.get(name);
        found.unwrap_or_else(|| {
            panic!("{name} is not in the list: declare it with register_metrics!; then {how}")
        })
    };
    let mut shown = BTreeMap::<_, BTreeSet<_>>::new();
    let mut helps = BTreeMap::new();
    let mut current = None;
    for line in scraped.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helps.extend(help.split_once(' '));
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(kind, metric(name).kind, "{name}: {how}");
            assert_eq!(helps.get(name), Some(&&*metric(name).help), "{name}: {how}");
            shown.insert(name, BTreeSet::new());
            current = Some(name);
        } else {
            let mut found = labels(line);
            found.remove("le");
            shown.get_mut(current.unwrap()).unwrap().extend(found);
        }
    }
    for (name, labels) in &shown {
        assert_eq!(
            *labels,
            metric(name).labels,
            "{name}: left is what is shown, right what the list says: {how}"
        );
    }
    for name in listed.keys() {
        let expected = match name.as_str() {
            // What other services are asked for is the project's to decide.
            name if name.starts_with("http_client_") => has_quotes,
            name if name.starts_with("coalescing_") => has_coalescers,
            "http_server_streams_total" => has_streams,
            name if name.starts_with("otlp_") => cfg!(feature = "otlp"),
            name if name.starts_with("process_") => !cfg!(windows),
            _ => true,
        };
        assert!(
            !expected || shown.contains_key(name.as_str()),
            "{name} is in the list, but not shown: {how}"
        );
    }
}

#[test]
fn limits_are_shown_beside_what_they_limit() {
    let program = Program::on_free_port()
        .with("SERVER_MAX_CONNECTIONS", "321")
        .with("SERVER_MAX_IN_FLIGHT", "123");
    let mut service = program.start(&[]);
    let scraped = get(&service.url(), "/metrics");
    for line in [
        "http_server_connections_max 321",
        "http_server_active_requests_max 123",
        "app_ready 1",
    ] {
        assert!(
            scraped.lines().any(|shown| shown == line),
            "{line} is not in {scraped}"
        );
    }
}

/// Asks for quotes, so that every label of what is counted appears; false in a project that has none.
#[cfg(feature = "http-client")]
fn asks_for_quotes(url: &str, upstream: &Upstream) -> bool {
    let Some(quote) = quote(url) else {
        return false;
    };
    upstream.will(&[Does::Busy, Does::Quote, Does::BreakOff]);
    for status in ["200", "503"] {
        let answer = send(url, &quote, &[], "");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    true
}

//! What is counted and measured. Metrics are the process's, so these tests look at routes and labels of their own.

use std::collections::BTreeMap;
use std::fs;

use app::core::state::AppState;
use app::core::telemetry::metrics;
use axum::http::Method;

use crate::support::{TestApp, TestResponse, project_file};

app::register_metrics! { gauge "toys_mirrored": "Toys that a mirror shows."; }
app::register_gauge_source!("toys", |_: &AppState| ::metrics::gauge!("toys_mirrored")
    .set(17));

/// What is scraped now.
async fn scrape(app: &TestApp) -> String {
    metrics::install().unwrap();
    text(&app.get("/metrics").await)
}

fn text(response: &TestResponse) -> String {
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// The value of the line that begins with this, if there is one.
fn value(scraped: &str, series: &str) -> Option<f64> {
    let line = scraped.lines().find_map(|line| line.strip_prefix(series))?;
    Some(line.trim().parse().unwrap())
}

#[tokio::test]
async fn a_request_counts_under_its_route_method_and_status() {
    metrics::install().unwrap();
    let app = TestApp::without_database();
    let path = format!("/toys/{}", uuid::Uuid::nil());
    app.delete(&path).await;
    app.delete(&path).await;
    app.delete("/toys/17").await;
    let scraped = scrape(&app).await;
    let count = |status: u16| {
        let labels = format!(
            r#"http_route="/toys/{{id}}",http_request_method="DELETE",http_response_status_code="{status}""#
        );
        value(
            &scraped,
            &format!("http_server_request_duration_seconds_count{{{labels}}}"),
        )
    };
    assert!(count(204) >= Some(2.0), "{scraped}");
    assert!(count(400) >= Some(1.0), "{scraped}");
}

#[tokio::test]
async fn what_clients_invent_makes_no_new_series() {
    metrics::install().unwrap();
    let app = TestApp::without_database();
    for path in ["/invented-1", "/invented-2"] {
        app.get(path).await;
    }
    for method in ["INVENTED", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        app.request(method, "/invented-3").await;
    }
    let scraped = scrape(&app).await;
    let folded = r#"http_server_request_duration_seconds_count{http_route="(no route)",http_request_method="_OTHER",http_response_status_code="404"}"#;
    assert!(value(&scraped, folded) >= Some(2.0), "{scraped}");
    for invented in ["invented", "INVENTED", "BREW"] {
        assert!(!scraped.contains(invented), "{scraped}");
    }
}

/// A probe that fails is no request that failed, and one that is fast is no fast request.
#[tokio::test]
async fn probes_and_scrapes_are_not_measured() {
    metrics::install().unwrap();
    let app = TestApp::without_database();
    for path in ["/livez", "/readyz", "/health", "/version"] {
        app.get(path).await;
    }
    scrape(&app).await;
    let scraped = scrape(&app).await;
    for path in ["/livez", "/readyz", "/health", "/version", "/metrics"] {
        let measured = format!("http_route=\"{path}\"");
        assert!(!scraped.contains(&measured), "{scraped}");
    }
}

#[tokio::test]
async fn a_request_whose_client_leaves_is_no_longer_active_and_counts_as_499() {
    const ACTIVE: &str = r#"http_server_active_requests{http_request_method="HEAD"}"#;
    metrics::install().unwrap();
    let app = TestApp::without_database();
    let mut request = app.request(Method::HEAD, "/toys/endless").into_future();
    assert!(futures::poll!(&mut request).is_pending());
    let during = value(&scrape(&app).await, ACTIVE).unwrap();
    drop(request);
    let scraped = scrape(&app).await;
    assert_eq!(value(&scraped, ACTIVE), Some(during - 1.0));
    let left = r#"http_server_request_duration_seconds_count{http_route="/toys/endless",http_request_method="HEAD",http_response_status_code="499"}"#;
    assert_eq!(value(&scraped, left), Some(1.0), "{scraped}");
}

#[tokio::test]
async fn gauges_that_mirror_something_are_set_when_they_are_asked_for() {
    let app = TestApp::without_database();
    let scraped = scrape(&app).await;
    assert_eq!(value(&scraped, "toys_mirrored"), Some(17.0));
    assert_eq!(value(&scraped, "tokio_runtime_workers"), Some(1.0));
    assert!(value(&scraped, "process_resident_memory_bytes") > Some(1e6));
}

#[tokio::test]
async fn metrics_are_in_the_format_that_prometheus_reads() {
    metrics::install().unwrap();
    let response = TestApp::without_database().get("/metrics").await;
    assert_eq!(
        response.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = text(&response);
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert!(names.is_sorted(), "{names:#?}");
}

#[test]
fn the_checked_in_pages_of_metrics_are_up_to_date() {
    // The pages are made with all features; without one its metrics are missing.
    if !cfg!(all(feature = "http-client", feature = "otlp")) {
        return;
    }
    let folder = project_file("docs/reference/metrics");
    let files = fs::read_dir(&folder).into_iter().flatten();
    let found: BTreeMap<_, _> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(
        found == metrics::pages().unwrap(),
        "{} is not what the code says: `cargo run -- metrics --write` brings it up to date; look at the difference, which is what \
         dashboards and alerts will see",
        folder.display()
    );
}

#[test]
fn every_metric_is_explained_to_operators() {
    let page = fs::read_to_string(project_file("docs/observability.md")).unwrap();
    for page_of_module in metrics::pages().unwrap().values() {
        for row in page_of_module
            .lines()
            .filter(|line| line.starts_with("| `"))
        {
            let name = row.split('`').nth(1).unwrap();
            assert!(
                page.contains(&format!("`{name}`")),
                "docs/observability.md says neither what {name} means nor what to do when it moves"
            );
        }
    }
}

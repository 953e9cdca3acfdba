//! What a client may send, and how it is told. On a busy machine some requests are given back meanwhile; exact numbers are proven
//! beside the code, where the time is an argument.

use app::core::config::AppEnv;
use app::core::http::Surface;
use axum::http::{Method, StatusCode};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::{Logs, TestApp, TestResponse};

/// Three requests at once, one comes back each second.
const SETTINGS: [(&str, &str); 4] = [
    ("RATE_LIMIT_ENABLED", "true"),
    ("RATE_LIMIT_PER_SECOND", "1"),
    ("RATE_LIMIT_BURST", "3"),
    ("RATE_LIMIT_TRUSTED_PROXIES", "10.0.0.0/8"),
];

fn limited() -> TestApp {
    TestApp::without_database_with(SETTINGS)
}

/// Sends this until it is one too many, which must happen within so many. A client of its own could send three.
async fn limited_within(most: usize, send: impl AsyncFn() -> TestResponse) -> TestResponse {
    for _ in 0..most {
        let response = send().await;
        if response.status == StatusCode::TOO_MANY_REQUESTS {
            return response;
        }
    }
    panic!("none of {most} requests was limited")
}

fn fields(response: &TestResponse) -> [&str; 2] {
    ["ratelimit-policy", "ratelimit"].map(|name| response.header(name))
}

#[tokio::test]
async fn a_client_that_sends_more_than_it_may_is_told_when_to_go_on() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = limited();
    let response = app.get("/toys").from("203.0.113.9").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(
        fields(&response),
        [r#""client";q=3;w=3"#, r#""client";r=2;t=1"#]
    );
    let response = limited_within(99, async || app.get("/toys").from("203.0.113.9").await).await;
    assert_eq!(
        fields(&response),
        [r#""client";q=3;w=3"#, r#""client";r=0;t=3"#]
    );
    assert_eq!(response.header("retry-after"), "1");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.problem()["code"], "rate_limited");
    let refused: Vec<_> = recorder.snapshotter().snapshot().into_vec();
    let refused: Vec<_> = refused
        .iter()
        .map(|(key, _, _, value)| (key.key().name(), value))
        .collect();
    let expected = (
        "http_server_requests_limited_total",
        &DebugValue::Counter(1),
    );
    assert!(refused.contains(&expected), "{refused:?}");

    let other = app.get("/toys").from("203.0.113.10").await;
    assert_eq!(
        other.status,
        StatusCode::OK,
        "another client has its own quota"
    );
}

#[tokio::test]
async fn what_does_not_exist_counts_but_what_operators_and_probes_ask_does_not() {
    let app = limited();
    let response = app.get("/nowhere").from("203.0.113.9").await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    limited_within(99, async || app.get("/nowhere").from("203.0.113.9").await).await;
    for path in ["/nowhere", "/toys", "/", "/openapi.json"] {
        limited_within(3, async || app.get(path).from("203.0.113.9").await).await;
    }
    for _ in 0..9 {
        let response = app.get("/livez").from("203.0.113.9").await;
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(response.header("ratelimit"), "");
    }
}

#[tokio::test]
async fn clients_behind_a_proxy_are_told_apart_if_it_is_trusted() {
    let app = limited();
    let ask = async |peer: &str, forwarded: &'static str| {
        let request = app.get("/toys").from(peer);
        request.header("x-forwarded-for", forwarded).await
    };
    limited_within(99, async || ask("10.1.1.1", "203.0.113.9").await).await;
    limited_within(3, async || ask("10.2.2.2", "8.8.8.8, 203.0.113.9").await).await;
    let other = ask("10.1.1.1", "203.0.113.10").await;
    assert_eq!(other.status, StatusCode::OK);

    // Whoever is no proxy can claim what it wants.
    limited_within(99, async || ask("198.51.100.1", "203.0.113.1").await).await;
    limited_within(3, async || ask("198.51.100.1", "203.0.113.2").await).await;
}

#[tokio::test]
async fn a_page_can_read_that_it_is_limited_and_its_preflights_are_free() {
    let app = limited();
    let preflight = async || {
        app.request(Method::OPTIONS, "/toys")
            .from("203.0.113.9")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .await
    };
    let logs = Logs::capture();
    for _ in 0..9 {
        assert_eq!(preflight().await.status, StatusCode::OK);
    }
    let lines = logs.of_requests();
    assert_eq!(lines.len(), 9);
    for line in lines {
        assert_eq!(line["level"], "DEBUG", "nobody asked for it: {line}");
    }
    let response = limited_within(99, async || {
        let request = app.get("/toys").from("203.0.113.9");
        request.header("origin", "https://app.example.com").await
    })
    .await;
    assert_eq!(response.header("access-control-allow-origin"), "*");
    let exposed = response.header("access-control-expose-headers");
    for name in [
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
    ] {
        assert!(
            exposed.split(',').any(|one| one == name),
            "{name}: {exposed}"
        );
    }
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_counts() {
    for (name, value) in [
        ("accept", "*/*"),
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ] {
        let app = limited();
        let options = async || {
            let request = app.request(Method::OPTIONS, "/toys").from("203.0.113.9");
            request.header(name, value).await
        };
        assert_eq!(options().await.status, StatusCode::METHOD_NOT_ALLOWED);
        limited_within(99, options).await;
    }
}

#[tokio::test]
async fn a_panic_costs_its_client_one_request_like_any_other() {
    let app = limited();
    let response = app.post("/toys/broken").from("203.0.113.9").await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fields(&response)[1], r#""client";r=2;t=1"#);
    let broken = async || app.post("/toys/broken").from("203.0.113.9").await;
    limited_within(99, broken).await;
    let response = app.get("/toys").from("203.0.113.10").await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn outside_local_clients_are_limited_unless_told_otherwise() {
    for (setting, is_limited) in [("true", true), ("false", false)] {
        let settings = [("RATE_LIMIT_ENABLED", setting)];
        let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, settings);
        let response = app.get("/toys").from("203.0.113.9").await;
        let policy = if is_limited {
            r#""client";q=100;w=2"#
        } else {
            ""
        };
        assert_eq!(response.header("ratelimit-policy"), policy);
    }
}

#[tokio::test]
async fn the_log_says_who_asked() {
    let logs = Logs::capture();
    let app = limited();
    let request = app.get("/toys").from("10.1.1.1");
    request.header("x-forwarded-for", "2001:db8::17").await;
    app.get("/toys").from("203.0.113.9").await;
    let lines = logs.of_requests();
    let clients: Vec<_> = lines.iter().map(|line| &line["fields"]["client"]).collect();
    assert_eq!(clients, ["2001:db8::17", "203.0.113.9"]);
}

//! What every request has: an id, and one line in the log.

use app::core::config::AppEnv;
use app::core::http::Surface;
#[cfg(feature = "swagger-ui")]
use axum::http::StatusCode;

use crate::support::{Logs, TestApp};

#[tokio::test]
async fn every_response_carries_the_request_id() {
    let app = TestApp::without_database();
    for path in ["/toys", "/toys/17", "/nowhere", "/livez", "/openapi.json"] {
        let response = app.get(path).await;
        let id: uuid::Uuid = response.header("x-request-id").parse().unwrap();
        assert_eq!(id.get_version_num(), 7, "{path}");
    }
}

#[tokio::test]
async fn a_harmless_id_is_taken_over_and_any_other_replaced() {
    let app = TestApp::without_database();
    let response = app
        .get("/toys/request-id")
        .header("x-request-id", "abc-123")
        .await;
    assert_eq!(response.header("x-request-id"), "abc-123");
    assert_eq!(response.body, "abc-123", "handlers know it, too");

    for harmful in ["", "a b", "<script>", &"x".repeat(129)] {
        let response = app
            .get("/toys/request-id")
            .header("x-request-id", harmful)
            .await;
        assert_ne!(response.header("x-request-id"), harmful);
        assert_eq!(response.body, response.header("x-request-id"));
    }
}

#[tokio::test]
async fn a_request_has_one_line_in_the_log_with_the_route_not_the_path() {
    let logs = Logs::capture();
    let app = TestApp::without_database();
    let path = format!("/toys/{}?secret=1", uuid::Uuid::nil());
    app.delete(&path).header("x-request-id", "abc-123").await;

    let lines = logs.of_requests();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0]["fields"]["duration_ms"].is_f64());
    insta::assert_json_snapshot!(lines[0], { ".timestamp" => "-", ".fields.duration_ms" => 0.1, ".spans" => "-" }, @r#"
    {
      "fields": {
        "duration_ms": 0.1,
        "message": "DELETE /toys/{id} 204",
        "method": "DELETE",
        "route": "/toys/{id}",
        "status": 204
      },
      "level": "INFO",
      "span": {
        "name": "request",
        "request_id": "abc-123"
      },
      "spans": "-",
      "target": "app::core::http::middleware::boundary",
      "timestamp": "-"
    }
    "#);
}

#[tokio::test]
async fn the_level_of_the_line_says_whether_the_service_failed() {
    let logs = Logs::capture();
    let app = TestApp::without_database();
    app.get("/toys").await;
    app.get("/toys/17").await;
    app.get("/nowhere").await;
    app.get("/toys/unavailable").await;
    app.get("/livez").await;
    let lines: Vec<_> = logs
        .of_requests()
        .iter()
        .map(|line| {
            let fields = &line["fields"];
            format!("{} {} {}", line["level"], fields["message"], fields["code"])
        })
        .collect();
    insta::assert_json_snapshot!(lines, @r#"
    [
      "\"INFO\" \"GET /toys 200\" null",
      "\"INFO\" \"GET /toys/{id} 400\" \"invalid_parameter\"",
      "\"INFO\" \"GET (no route) 404\" \"unknown_path\"",
      "\"ERROR\" \"GET /toys/unavailable 503\" \"unavailable\"",
      "\"DEBUG\" \"GET /livez 200\" null"
    ]
    "#);
}

#[tokio::test]
async fn a_request_whose_client_leaves_has_its_line_too() {
    let logs = Logs::capture();
    let app = TestApp::without_database();
    let mut request = app
        .get("/toys/endless")
        .header("x-request-id", "gone-1")
        .into_future();
    assert!(futures::poll!(&mut request).is_pending());
    assert!(logs.of_requests().is_empty());
    drop(request);

    let lines = logs.of_requests();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0]["fields"]["duration_ms"].is_f64());
    insta::assert_json_snapshot!(lines[0], { ".timestamp" => "-", ".fields.duration_ms" => 0.1, ".spans" => "-" }, @r#"
    {
      "fields": {
        "code": "cancelled",
        "duration_ms": 0.1,
        "message": "GET /toys/endless 499",
        "method": "GET",
        "route": "/toys/endless",
        "status": 499
      },
      "level": "INFO",
      "span": {
        "name": "request",
        "request_id": "gone-1"
      },
      "spans": "-",
      "target": "app::core::http::middleware::boundary",
      "timestamp": "-"
    }
    "#);
}

#[tokio::test]
async fn the_lines_of_a_request_carry_its_callers_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let logs = Logs::capture();
    let app = TestApp::without_database();
    for parent in [
        format!("00-{TRACE}-00f067aa0ba902b7-01"),
        "00-nonsense-00f067aa0ba902b7-01".to_owned(),
    ] {
        app.get("/toys").header("traceparent", &parent).await;
    }
    let lines = logs.of_requests();
    assert_eq!(lines[0]["span"]["trace_id"], TRACE);
    assert_eq!(
        lines[1]["span"].get("trace_id"),
        None,
        "invalid ones are ignored"
    );
}

#[tokio::test]
async fn browsers_are_told_what_not_to_do_with_an_answer() {
    let settings = [("DOCS_ENABLED", "true")];
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, settings);
    let nothing = "default-src 'none'; frame-ancestors 'none'";
    for (path, cache) in [
        ("/", ""),
        ("/toys", ""),
        ("/openapi.json", ""),
        ("/nowhere", "no-store"),
        ("/toys/17", "no-store"),
    ] {
        let response = app.get(path).await;
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(
            response.header("content-security-policy"),
            nothing,
            "{path}"
        );
        assert_eq!(response.header("cache-control"), cache, "{path}");
        // for the whole host, so it is for whoever ends the TLS
        assert_eq!(response.header("strict-transport-security"), "", "{path}");
    }
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Management, []);
    for path in ["/livez", "/health"] {
        let response = app.get(path).await;
        assert_eq!(response.header("cache-control"), "no-store", "{path}");
    }
}

/// A browser shows what the policy leaves of the page in the template's checks.
#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn the_page_about_the_api_runs_its_own_files_only() {
    let app = TestApp::without_database();
    for path in [
        "/docs/",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ] {
        let response = app.get(path).await.expect_status(StatusCode::OK);
        let policy = response.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; "),
            "{policy}"
        );
        assert!(policy.ends_with("; frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.header("referrer-policy"), "no-referrer", "{path}");
    }
    let page = app.get("/docs/").await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for script in text.split("<script").skip(1) {
        assert!(
            script.starts_with(" src=\"./"),
            "a script in the page would not run: {script}"
        );
    }
}

//! What every request has: an id, and one line in the log.

use app::core::config::AppEnv;
use app::core::http::Surface;

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
async fn nothing_guesses_types_of_content() {
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, []);
    for path in ["/toys", "/nowhere"] {
        let response = app.get(path).await;
        assert_eq!(response.header("x-content-type-options"), "nosniff");
    }
}

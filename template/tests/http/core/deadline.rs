//! How long a client waits.

use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::support::TestApp;

#[tokio::test]
async fn a_client_may_shorten_the_time_of_its_request() {
    let app = TestApp::without_database();
    let request = app.get("/toys/endless");
    let response = request.header("x-request-timeout", "0.05").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        response.problem()["detail"],
        "The request took longer than X-Request-Timeout allows."
    );
    let response = app.get("/toys").header("x-request-timeout", "15").await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_can_not_lengthen_it() {
    let settings = [
        ("SERVER_REQUEST_TIMEOUT_SECS", "2"),
        ("DATABASE_COMMAND_TIMEOUT_SECS", "1"),
        ("DATABASE_POOL_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1"),
    ];
    let app = TestApp::without_database_with(settings);
    let request = app.get("/toys/endless");
    let response = request.header("x-request-timeout", "3600").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        response.problem()["detail"],
        "The request took longer than it may."
    );
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let app = TestApp::without_database();
    for nonsense in ["", "soon", "0", "-1", "1e3", "inf", "1, 2"] {
        let response = app.get("/toys").header("x-request-timeout", nonsense).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{nonsense:?}");
        let problem = response.problem();
        assert_eq!(problem["code"], "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "X-Request-Timeout");
    }
    let twice = app.get("/toys").header("x-request-timeout", "1");
    let response = twice.header("x-request-timeout", "2").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    let probe = app.get("/livez").header("x-request-timeout", "soon").await;
    assert_eq!(probe.status, StatusCode::OK, "a probe is not asked");
}

/// The statement would take half a minute; its connection is free again long before.
#[tokio::test]
async fn the_work_in_the_database_ends_with_the_time() {
    let app = TestApp::with([("DATABASE_COMMAND_TIMEOUT_SECS", "19")]).await;
    let start = Instant::now();
    let request = app.get("/toys/database/sleep");
    let response = request.header("x-request-timeout", "0.1").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    while app.state.database.status().in_use() > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "the statement goes on although its request was answered"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.get("/toys/database")
        .await
        .expect_status(StatusCode::NO_CONTENT);
}

//! What goes wrong leaves nothing behind.

use axum::http::StatusCode;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;

async fn demonstrate(app: &TestApp, name: &str) -> Value {
    let path = format!("/lab/safety/{name}");
    let answer = app.get(&path).await;
    let body = answer.expect_status(StatusCode::OK).json();
    assert_eq!(app.state.database.status().in_use(), 0, "{body}");
    body
}

#[tokio::test]
async fn a_statement_that_fails_leaves_the_pool_as_it_was() {
    let app = TestApp::with([("DATABASE_POOL_MAX_SIZE", "1")]).await;
    app.get("/lab/patterns/per_request").await;
    let done = demonstrate(&app, "query_error").await;
    for what in ["failed", "failed_in_transaction"] {
        assert_eq!(done[what], true, "{done}");
    }
    let pool = &done["pool"];
    // On SQLite there is a connection that writes beside those that read.
    assert_eq!(pool["size"], pool["max_size"], "{done}");
    assert_eq!((&pool["in_use"], &pool["waiting"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_stream_that_fails_ends_with_its_error_and_harms_nobody() {
    let app = TestApp::new().await;
    let done = demonstrate(&app, "stream_error?rows=100").await;
    assert_json_snapshot!(done, @r#"
    {
      "nothing_is_held": true,
      "streams": [
        {
          "failed": true,
          "rows": 49
        }
      ]
    }
    "#);
    let done = demonstrate(&app, "concurrent_streams?rows=100").await;
    let streams = json!([
        { "rows": 49, "failed": true },
        { "rows": 100, "failed": false },
        { "rows": 100, "failed": false },
    ]);
    assert_eq!(done["streams"], streams);
    assert_eq!(done["nothing_is_held"], true);
}

#[tokio::test]
async fn resources_inside_each_other_end_from_the_inside_out() {
    let app = TestApp::new().await;
    let done = demonstrate(&app, "nested_resources").await;
    let opened = json!(["transaction", "savepoint", "inner savepoint"]);
    let ended = json!(["inner savepoint", "savepoint", "transaction"]);
    assert_eq!((&done["opened"], &done["ended"]), (&opened, &ended));
    assert_eq!(done["went_on"], true);
    assert_eq!(done["nothing_is_held"], true);
}

#[tokio::test]
async fn work_that_is_given_up_leaves_nothing_behind() {
    let app = TestApp::new().await;
    let done = demonstrate(&app, "cancellation").await;
    assert_json_snapshot!(done, @r#"
    {
      "cancelled": true,
      "checkouts": 1,
      "nothing_is_held": true,
      "still_held": 0
    }
    "#);
}

#[tokio::test]
async fn the_status_says_what_the_pool_streams_and_coalescers_do() {
    let app = TestApp::with([("DATABASE_POOL_MAX_SIZE", "3")]).await;
    let held = app.state.database.snapshot(async |_| {
        let status = app.get("/lab/status").await;
        Ok::<_, app::core::database::DataError>(status.expect_status(StatusCode::OK).json())
    });
    let status = held.await.unwrap();
    assert_eq!(status["pool"]["in_use"], 1, "{status}");
    assert_eq!(status["pool"]["long_held"], 0, "{status}");
    assert_eq!(status["streams"], 0, "{status}");
    assert_eq!(status["coalescing"]["lab"], 0, "{status}");
}

//! What goes wrong leaves nothing behind.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::core::config::AppEnv;
use app::core::http::{Api, Surface};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::support::{Logs, TestApp};

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
    // With a second subscriber, tracing asks each whether it is interested, in tests beside this one too.
    let _logs = Logs::capture();
    let steps = Steps::default();
    let collecting = tracing_subscriber::registry().with(steps.clone());
    let collecting = tracing::subscriber::set_default(collecting);
    let done = demonstrate(&app, "nested_resources").await;
    drop(collecting);
    let opened = json!(["transaction", "savepoint", "inner savepoint"]);
    let ended = json!(["inner savepoint", "savepoint", "transaction"]);
    assert_eq!((&done["opened"], &done["ended"]), (&opened, &ended));
    assert_eq!(done["went_on"], true);
    assert_eq!(done["nothing_is_held"], true);
    // What the database was told, in this order; how a transaction begins is its own business.
    let steps = steps.0.lock().unwrap().clone();
    let [checkout, begin, inside @ ..] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert!(
        checkout == "checkout" && begin.starts_with("BEGIN"),
        "{steps:?}"
    );
    let expected = [
        "SAVEPOINT s2",
        "SAVEPOINT s3",
        "SELECT * FROM lab_has_no_such_table",
        "ROLLBACK TO SAVEPOINT s3; RELEASE SAVEPOINT s3",
        "SELECT 1",
        "RELEASE SAVEPOINT s2",
        "SELECT 1",
        "COMMIT",
        "release",
    ];
    assert_eq!(inside, expected, "{steps:?}");
}

#[tokio::test]
async fn work_that_is_given_up_leaves_nothing_behind() {
    let app = TestApp::new().await;
    // Opening the first connection could take all the time that the work is given.
    app.get("/lab/patterns/ended_transaction").await;
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

#[tokio::test]
async fn the_status_counts_loads_that_others_share() {
    let app = TestApp::new().await;
    let load = app.get("/lab/coalescing/coalesced/7?delay_ms=2000");
    let told = async {
        loop {
            let status = app.get("/lab/status").await.json();
            if status["coalescing"]["lab"] == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = load.into_future() => panic!("the load has ended, and the status did not tell of it"),
        () = told => {}
    }
}

#[tokio::test]
async fn the_status_counts_streams_until_they_have_been_read() {
    const USERS: &str = "/api/v1/users";
    let api = Api::registered(AppEnv::Local).unwrap();
    if !api.table().iter().any(|row| row.path.starts_with(USERS)) {
        return; // a project without examples has nothing to stream
    }
    let app = TestApp::new().await;
    // More than is written before somebody reads: three pieces of 32 KiB.
    for batch in 0..4 {
        let user = |number| json!({ "name": "x".repeat(100), "email": format!("user{number}-{batch}@example.com") });
        let users: Vec<Value> = (0..250).map(user).collect();
        let created = app.post("/api/v1/users/batch").json(&json!(users)).await;
        created.expect_status(StatusCode::OK);
    }
    let streams = async || app.get("/lab/status").await.json()["streams"].clone();
    let request = Request::get("/api/v1/users/stream").body(Body::empty());
    let router = api.router(&app.state, Surface::All);
    let stream = router.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(streams().await, 1);
    to_bytes(stream.into_body(), usize::MAX).await.unwrap();
    assert_eq!(streams().await, 0);
}

/// What the data layer did, in order: its spans, and of statements the text.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Steps {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if span.metadata().target() == "app::sql" {
            let mut step = Step(span.metadata().name().to_owned());
            span.record(&mut step);
            self.0.lock().unwrap().push(step.0);
        }
    }
}

struct Step(String);

impl Visit for Step {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.query.text" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

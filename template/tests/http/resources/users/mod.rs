//! Users.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod batch;
mod change;
mod create;
mod list;
mod stream;

use app::core::clock::Clock;
use axum::http::StatusCode;
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, TestResponse};

/// A service whose clock stands still.
async fn app() -> TestApp {
    let time = DateTime::from_timestamp(1_790_000_000, 123_456_000).unwrap();
    TestApp::build([], |builder| builder.clock(Clock::fixed(time))).await
}

fn ada() -> Value {
    json!({ "name": "Ada Lovelace", "email": "Ada@example.com", "age": 36 })
}

async fn create(app: &TestApp, user: &Value) -> Value {
    let created = app.post("/api/v1/users").json(user).await;
    created.expect_status(StatusCode::CREATED).json()
}

fn path(user: &Value) -> String {
    format!("/api/v1/users/{}", user["id"].as_str().unwrap())
}

#[track_caller]
fn assert_gone(response: &TestResponse, id: &str) {
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    let problem = response.problem();
    assert_eq!(
        problem,
        json!({ "code": "not_found", "detail": format!("There is no user {id}.") })
    );
}

#[tokio::test]
async fn a_user_that_is_not_there_is_404_for_everything_but_delete() {
    let app = app().await;
    let id = Uuid::now_v7().to_string();
    let path = format!("/api/v1/users/{id}");
    assert_gone(&app.get(&path).await, &id);
    assert_gone(&app.put(&path).json(&ada()).await, &id);
    assert_gone(&app.patch(&path).json(&json!({ "age": 1 })).await, &id);
    assert_gone(
        &app.patch(&path)
            .header("if-match", "\"1\"")
            .json(&json!({}))
            .await,
        &id,
    );
    assert_eq!(app.delete(&path).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_id_that_is_none_is_a_bad_request() {
    let app = app().await;
    for response in [
        app.get("/api/v1/users/17").await,
        app.delete("/api/v1/users/17").await,
    ] {
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert_eq!(response.problem()["errors"][0]["parameter"], "id");
    }
}

//! POST requests that are sent twice.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::time::{Duration, Instant};

use app::core::clock::Clock;
use axum::http::StatusCode;
use chrono::DateTime;
use futures::future::join_all;
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::TestApp;

const KEY: &str = "0198c0de-7000-7abc-8def-0123456789ab";

fn user(number: usize) -> Value {
    json!({ "name": format!("User {number}"), "email": format!("user{number}@example.com") })
}

async fn count(app: &TestApp) -> usize {
    let users = app.get("/api/v1/users?limit=100").await.json();
    users["items"].as_array().unwrap().len()
}

#[rstest]
#[case("/api/v1/users", user(1))]
#[case("/api/v1/users/batch", json!([user(1), user(2)]))]
#[case("/api/v1/products", json!({ "name": "Tea pot", "price": "19.9" }))]
#[tokio::test]
async fn the_second_request_gets_the_first_one_s_answer(#[case] path: &str, #[case] body: Value) {
    let app = TestApp::new().await;
    let first = app
        .post(path)
        .header("idempotency-key", KEY)
        .json(&body)
        .await;
    assert!(first.status.is_success());
    assert_eq!(first.header("idempotency-replayed"), "");
    let second = app
        .post(path)
        .header("idempotency-key", KEY)
        .json(&body)
        .await;
    assert_eq!(second.status, first.status);
    assert_eq!(second.body, first.body);
    for header in ["content-type", "etag", "location"] {
        assert_eq!(second.header(header), first.header(header), "{header}");
    }
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_ne!(second.header("x-request-id"), first.header("x-request-id"));
}

#[tokio::test]
async fn an_order_is_placed_once() {
    let app = TestApp::new().await;
    let buyer = app.post("/api/v1/users").json(&user(1)).await.json();
    let product = json!({ "name": "Tea pot", "price": "19.9" });
    let product = app.post("/api/v1/products").json(&product).await.json();
    let order = json!({ "user_id": buyer["id"], "lines": [{ "product_id": product["id"], "quantity": 2 }] });
    for _ in 0..3 {
        let placed = app
            .post("/api/v1/orders")
            .header("idempotency-key", KEY)
            .json(&order)
            .await;
        assert_eq!(placed.status, StatusCode::CREATED);
        let found = app.get(placed.header("location")).await;
        assert_eq!(found.json(), placed.json());
    }
    let orders = app.get("/api/v1/orders").await.json();
    assert_eq!(orders["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_came_with_another_body_is_refused() {
    let app = TestApp::new().await;
    let post = |user: Value| {
        app.post("/api/v1/users")
            .header("idempotency-key", KEY)
            .json(&user)
    };
    post(user(1)).await.expect_status(StatusCode::CREATED);
    let refused = post(user(2)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.problem()["code"], "idempotency_key_reused");
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn keys_of_other_paths_and_other_callers_are_other_keys() {
    let app = TestApp::new().await;
    let post = |path: &str| app.post(path).header("idempotency-key", KEY);
    let users = "/api/v1/users";
    post(users)
        .json(&user(1))
        .await
        .expect_status(StatusCode::CREATED);
    let product = json!({ "name": "Tea pot", "price": "19.9" });
    post("/api/v1/products")
        .json(&product)
        .await
        .expect_status(StatusCode::CREATED);
    let other = post(users)
        .header("authorization", "Bearer other")
        .json(&user(2))
        .await;
    assert_eq!(other.status, StatusCode::CREATED);
    assert_eq!(other.header("idempotency-replayed"), "");
}

#[tokio::test]
async fn what_failed_had_no_effect_and_may_be_sent_again_with_its_key() {
    let app = TestApp::new().await;
    let taken = app.post("/api/v1/users").json(&user(1)).await.json();
    let post = || {
        app.post("/api/v1/users")
            .header("idempotency-key", KEY)
            .json(&user(1))
    };
    assert_eq!(post().await.status, StatusCode::CONFLICT);
    let path = format!("/api/v1/users/{}", taken["id"].as_str().unwrap());
    app.delete(&path)
        .await
        .expect_status(StatusCode::NO_CONTENT);
    assert_eq!(post().await.status, StatusCode::CREATED);
    assert_eq!(post().await.header("idempotency-replayed"), "true");
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn of_many_at_once_one_has_an_effect_and_all_have_its_answer() {
    let app = TestApp::new().await;
    let post = || {
        app.post("/api/v1/users")
            .header("idempotency-key", KEY)
            .json(&user(1))
    };
    let answers = join_all((0..8).map(|_| async { post().await })).await;
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed").is_empty())
        .collect();
    assert_eq!(first.len(), 1);
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.body, first[0].body);
    }
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn a_key_is_forgotten_when_its_time_is_over() {
    let begin = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let settings = [("IDEMPOTENCY_TTL_SECS", "3600")];
    let app = TestApp::build(settings, |builder| builder.clock(Clock::fixed(begin))).await;
    let post = |app: &TestApp| {
        app.post("/api/v1/users")
            .header("idempotency-key", KEY)
            .json(&user(1))
    };
    post(&app).await.expect_status(StatusCode::CREATED);
    assert_eq!(post(&app).await.header("idempotency-replayed"), "true");
    let later = begin + Duration::from_secs(3601);
    let app = app.at(later);
    assert_eq!(
        post(&app).await.status,
        StatusCode::CONFLICT,
        "it is a new request, for an address that is taken"
    );
}

/// Keys that are kept.
async fn kept(app: &TestApp) -> i64 {
    let database = &app.state.database;
    let count = "SELECT count(*) FROM idempotency_keys";
    let count = Statement::from_string(database.get_database_backend(), count);
    let row = database.query_one_raw(count).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn keys_whose_time_is_over_are_removed_beside_later_requests() {
    const OLD: i64 = 2500; // more than are removed with one statement
    let begin = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let settings = [("IDEMPOTENCY_TTL_SECS", "3600")];
    let app = TestApp::build(settings, |builder| builder.clock(Clock::fixed(begin))).await;
    let post = |app: &TestApp, number: usize| {
        app.post("/api/v1/users")
            .header("idempotency-key", &format!("key-{number}"))
            .json(&user(number))
    };
    post(&app, 1).await.expect_status(StatusCode::CREATED);
    let copies = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         INSERT INTO idempotency_keys (scope, fingerprint, created_at, expires_at) \
         SELECT 'copy ' || i, fingerprint, created_at, expires_at FROM idempotency_keys, n",
        OLD - 1
    );
    let database = &app.state.database;
    database.execute_unprepared(&copies).await.unwrap();

    let app = app.at(begin + Duration::from_mins(30));
    post(&app, 2).await.expect_status(StatusCode::CREATED);
    let app = app.at(begin + Duration::from_secs(3601));
    assert_eq!(kept(&app).await, OLD + 1, "none was over before");
    post(&app, 3).await.expect_status(StatusCode::CREATED);
    // Only a test that fails waits for so long.
    let deadline = Instant::now() + Duration::from_mins(1);
    while kept(&app).await > 2 {
        assert!(Instant::now() < deadline, "{} are kept", kept(&app).await);
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(post(&app, 2).await.header("idempotency-replayed"), "true");
}

#[rstest]
#[case("")]
#[case("\"\"")]
#[case("schlüssel")]
#[tokio::test]
async fn a_key_that_is_none_is_refused(#[case] key: &str) {
    let app = TestApp::new().await;
    let refused = app
        .post("/api/v1/users")
        .header("idempotency-key", key)
        .json(&user(1))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.problem()["errors"][0]["parameter"],
        "idempotency-key"
    );
    assert_eq!(count(&app).await, 0);
}

#[tokio::test]
async fn a_key_in_quotes_is_the_same_key() {
    let app = TestApp::new().await;
    let post = |key: &str| {
        app.post("/api/v1/users")
            .header("idempotency-key", key)
            .json(&user(1))
    };
    post(KEY).await.expect_status(StatusCode::CREATED);
    let quoted = post(&format!("\"{KEY}\"")).await;
    assert_eq!(quoted.header("idempotency-replayed"), "true");
}

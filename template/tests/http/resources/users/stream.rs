//! Streaming users.

use std::io::Read;

use axum::http::StatusCode;
use flate2::read::GzDecoder;
use rstest::rstest;
use serde_json::{Value, json};

use super::app;
use crate::support::{TestApp, TestResponse};

/// A service with so many users, some of whom have no age.
async fn app_with_users(count: usize) -> TestApp {
    let app = app().await;
    let user = |number: usize| {
        let age = (!number.is_multiple_of(3)).then_some(number % 90);
        json!({ "name": format!("User {}", number % 7), "email": format!("user{number}@example.com"), "age": age })
    };
    let users: Vec<Value> = (0..count).map(user).collect();
    let created = app.post("/api/v1/users/batch").json(&json!(users)).await;
    assert_eq!(created.status, StatusCode::OK);
    app
}

fn lines(response: &TestResponse) -> Vec<Value> {
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.header("content-type"), "application/x-ndjson");
    let text = std::str::from_utf8(&response.body).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// What the ordinary list has, page by page.
async fn listed(app: &TestApp, query: &str) -> Vec<Value> {
    let mut users = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get(&format!("/api/v1/users?limit=7{query}{after}"));
        let page = page.await.json();
        users.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => return users,
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_stream_has_what_the_list_has_in_the_same_order(
    #[values(
        "",
        "&sort=name",
        "&sort=-age",
        "&min_age=20",
        "&is_active=true&sort=created_at"
    )]
    query: &str,
    #[values(false, true)] consistent: bool,
) {
    let app = app_with_users(40).await;
    let expected = listed(&app, query).await;
    for fetch_size in [1, 7, 40, 100] {
        let path =
            format!("/api/v1/users/stream?fetch_size={fetch_size}&consistent={consistent}{query}");
        assert_eq!(lines(&app.get(&path).await), expected, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn as_many_rows_come_as_were_asked_for(
    #[values(1, 5, 10, 11, 40, 41)] limit: usize,
    #[values(false, true)] consistent: bool,
) {
    let app = app_with_users(40).await;
    let path = format!("/api/v1/users/stream?limit={limit}&fetch_size=5&consistent={consistent}");
    assert_eq!(lines(&app.get(&path).await).len(), limit.min(40));
}

#[tokio::test]
async fn who_prefers_json_gets_one_array() {
    let app = app_with_users(12).await;
    let lines = lines(&app.get("/api/v1/users/stream?fetch_size=5").await);
    let array = app
        .get("/api/v1/users/stream?fetch_size=5")
        .header("accept", "application/json")
        .await;
    assert_eq!(array.header("content-type"), "application/json");
    assert_eq!(array.header("vary"), "accept");
    assert_eq!(array.json(), json!(lines));
}

#[tokio::test]
async fn who_accepts_gzip_gets_it() {
    let app = app_with_users(40).await;
    let path = "/api/v1/users/stream?fetch_size=5";
    let plain = app.get(path).await;
    assert_eq!(plain.header("content-encoding"), "");
    let zipped = app.get(path).header("accept-encoding", "gzip").await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(
        zipped.body.len() < plain.body.len() / 2,
        "{} bytes",
        zipped.body.len()
    );
    let mut unzipped = Vec::new();
    GzDecoder::new(&*zipped.body)
        .read_to_end(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, plain.body);
}

#[tokio::test]
async fn no_users_are_no_lines_or_an_empty_array() {
    let app = app().await;
    assert_eq!(lines(&app.get("/api/v1/users/stream").await).len(), 0);
    let array = app
        .get("/api/v1/users/stream?consistent=true")
        .header("accept", "application/json");
    assert_eq!(array.await.json(), json!([]));
}

#[rstest]
#[case("limit=0", "limit", "must be at least 1, was 0")]
#[case(
    "limit=many",
    "limit",
    "must be a whole number, not negative, of at most 64 bits, was `many`"
)]
#[case("fetch_size=0", "fetch_size", "must be 1 to 1000, was 0")]
#[case("fetch_size=1001", "fetch_size", "must be 1 to 1000, was 1001")]
#[case(
    "consistent=perhaps",
    "consistent",
    "must be `true` or `false`, was `perhaps`"
)]
#[case(
    "after=x",
    "after",
    "is not known; there is limit, fetch_size, consistent, sort, is_active, min_age"
)]
#[case("min_age=151", "min_age", "must be 0 to 150, was 151")]
#[tokio::test]
async fn what_can_t_be_streamed_is_refused(
    #[case] query: &str,
    #[case] parameter: &str,
    #[case] detail: &str,
) {
    let refused = app()
        .await
        .get(&format!("/api/v1/users/stream?{query}"))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let expected = json!([{ "parameter": parameter, "detail": detail }]);
    assert_eq!(refused.problem()["errors"], expected);
}

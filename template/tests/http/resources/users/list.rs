//! Lists of users.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use super::create;
use crate::support::TestApp;

async fn five_users(app: &TestApp) {
    for (name, age, is_active) in [
        ("Cleo", Some(30), true),
        ("Ada", None, true),
        ("Bob", Some(17), false),
        ("Eve", Some(30), false),
        ("Dan", Some(5), true),
    ] {
        let email = format!("{name}@example.com");
        create(
            app,
            &json!({ "name": name, "email": email, "age": age, "is_active": is_active }),
        )
        .await;
    }
}

fn names(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect()
}

#[rstest]
#[case::newest_first("", &["Dan", "Eve", "Bob", "Ada", "Cleo"])]
#[case::by_name("sort=name", &["Ada", "Bob", "Cleo", "Dan", "Eve"])]
#[case::backwards("sort=-name", &["Eve", "Dan", "Cleo", "Bob", "Ada"])]
#[case::by_age_and_then_by_id("sort=age", &["Ada", "Dan", "Bob", "Cleo", "Eve"])]
#[case::active("sort=name&is_active=true", &["Ada", "Cleo", "Dan"])]
#[case::grown("sort=name&min_age=18", &["Cleo", "Eve"])]
#[case::both("is_active=false&min_age=18", &["Eve"])]
#[case::nobody("min_age=150", &[])]
#[tokio::test]
async fn list_users_sorts_and_filters(#[case] query: &str, #[case] expected: &[&str]) {
    let app = TestApp::new().await;
    five_users(&app).await;
    let page = app
        .get(&format!("/api/v1/users?{query}"))
        .await
        .expect_status(StatusCode::OK)
        .json();
    assert_eq!(names(&page), expected);
    assert_eq!(page["has_more"], false);
    assert!(page.get("next_cursor").is_none());

    // the same, page by page
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/api/v1/users?limit=2&{query}{cursor}"))
            .await
            .expect_status(StatusCode::OK)
            .json();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&after={next}"),
            None => break,
        }
        assert_eq!(page["has_more"], true);
    }
    assert_eq!(seen, expected);
}

#[rstest]
#[case("limit=0", "limit", "must be 1 to 100, was 0")]
#[case("limit=101", "limit", "must be 1 to 100, was 101")]
#[case(
    "sort=email",
    "sort",
    "must be one of created_at, name, age, with a - before it for descending order"
)]
#[case("is_active=yes", "is_active", "must be `true` or `false`, was `yes`")]
#[case("min_age=151", "min_age", "must be 0 to 150, was 151")]
#[case(
    "after=nonsense",
    "after",
    "is no cursor: it must be the `next_cursor` of a page, unchanged"
)]
#[case(
    "after=e30",
    "after",
    "is no cursor: it must be the `next_cursor` of a page, unchanged"
)]
#[case(
    "limits=3",
    "limits",
    "is not known; there is limit, after, sort, is_active, min_age"
)]
#[tokio::test]
async fn list_users_rejects_parameters_it_can_t_follow(
    #[case] query: &str,
    #[case] parameter: &str,
    #[case] detail: &str,
) {
    let app = TestApp::new().await;
    let response = app.get(&format!("/api/v1/users?{query}")).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    let problem = response.problem();
    assert_eq!(problem["code"], "invalid_parameter");
    assert_eq!(
        problem["errors"],
        json!([{ "parameter": parameter, "detail": detail }])
    );
}

#[tokio::test]
async fn list_users_rejects_the_cursor_of_another_list() {
    let app = TestApp::new().await;
    five_users(&app).await;
    let page = app
        .get("/api/v1/users?limit=1&sort=name&is_active=true")
        .await
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let good = app
        .get(&format!(
            "/api/v1/users?sort=name&is_active=true&after={cursor}"
        ))
        .await;
    assert_eq!(names(&good.json()), ["Cleo", "Dan"]);

    for other in [
        "",
        "sort=-name&is_active=true",
        "sort=name",
        "sort=name&is_active=false",
        "sort=age&is_active=true",
    ] {
        let response = app
            .get(&format!("/api/v1/users?{other}&after={cursor}"))
            .await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{other}");
        let problem = response.problem();
        assert_eq!(problem["errors"][0]["parameter"], "after");
    }
    for damaged in [
        &cursor[1..],
        &cursor[..cursor.len() - 2],
        &format!("{cursor}x"),
    ] {
        let response = app
            .get(&format!(
                "/api/v1/users?sort=name&is_active=true&after={damaged}"
            ))
            .await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{damaged}");
        assert_eq!(response.problem()["errors"][0]["parameter"], "after");
    }
}

#[rstest]
#[case::of_another_type(r#"[{"text":"2026"},{"uuid":"00000000-0000-0000-0000-000000000000"}]"#)]
#[case::before_all_time(
    r#"[{"time":"-100000-01-01T00:00:00Z"},{"uuid":"00000000-0000-0000-0000-000000000000"}]"#
)]
#[case::without_an_id(r#"[{"time":"2026-01-01T00:00:00Z"},{"int":1}]"#)]
#[case::too_short(r#"[{"time":"2026-01-01T00:00:00Z"}]"#)]
#[case::nothing("null")]
#[tokio::test]
async fn list_users_rejects_cursors_that_somebody_made_up(#[case] after: &str) {
    let app = TestApp::new().await;
    let with = |after: &str| {
        let filter = r#"{"is_active":null,"min_age":null}"#;
        let cursor = format!(r#"{{"sort":"-created_at","filter":{filter},"after":{after}}}"#);
        format!("/api/v1/users?after={}", URL_SAFE_NO_PAD.encode(cursor))
    };
    let good =
        r#"[{"time":"2026-01-01T00:00:00Z"},{"uuid":"00000000-0000-0000-0000-000000000000"}]"#;
    assert_eq!(
        app.get(&with(good)).await.status,
        StatusCode::OK,
        "so is a good one made"
    );
    let response = app.get(&with(after)).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.problem()["errors"][0]["parameter"], "after");
}

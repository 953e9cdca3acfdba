//! Users.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use app::core::clock::Clock;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use insta::assert_json_snapshot;
use rstest::rstest;
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
async fn create_user_answers_201_with_the_user_its_place_and_its_version() {
    let app = app().await;
    let created = app.post("/api/v1/users").json(&ada()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.header("etag"), "\"1\"");
    let user = created.json();
    assert_eq!(created.header("location"), path(&user));
    let id: Uuid = user["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_json_snapshot!(user, { ".id" => "[id]" }, @r#"
    {
      "age": 36,
      "created_at": "2026-09-21T14:13:20.123456Z",
      "email": "Ada@example.com",
      "id": "[id]",
      "is_active": true,
      "name": "Ada Lovelace",
      "updated_at": "2026-09-21T14:13:20.123456Z",
      "version": 1
    }
    "#);

    let found = app.get(created.header("location")).await;
    assert_eq!(found.status, StatusCode::OK);
    assert_eq!(found.header("etag"), "\"1\"");
    assert_eq!(found.json(), user);
}

#[tokio::test]
async fn create_user_leaves_out_what_is_not_there() {
    let app = app().await;
    let user = create(
        &app,
        &json!({ "name": "Bob", "email": "bob@example.com", "age": null }),
    )
    .await;
    assert!(user.get("age").is_none(), "{user}");
}

#[tokio::test]
async fn create_user_rejects_a_second_user_with_the_same_email() {
    let app = app().await;
    create(&app, &ada()).await;
    let again = json!({ "name": "Another Ada", "email": "ADA@EXAMPLE.COM" });
    let response = app.post("/api/v1/users").json(&again).await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "conflict",
      "detail": "There is one already with this email."
    }
    "#);
}

#[rstest]
#[case::no_name(json!({ "email": "a@example.com" }), "#/name", "is missing")]
#[case::blank_name(json!({ "name": " ", "email": "a@example.com" }), "#/name", "must not be blank")]
#[case::long_name(json!({ "name": "x".repeat(101), "email": "a@example.com" }), "#/name", "must be 1 to 100 characters")]
#[case::zero_byte(json!({ "name": "a\0b", "email": "a@example.com" }), "#/name", "must not contain line breaks or other control characters")]
#[case::no_email(json!({ "name": "A", "email": "nobody" }), "#/email", "is no e-mail address")]
#[case::foreign_email(json!({ "name": "A", "email": "a@exämple.com" }), "#/email", "must be written in ASCII; a domain with other letters in its xn-- form")]
#[case::too_old(json!({ "name": "A", "email": "a@example.com", "age": 151 }), "#/age", "must be 0 to 150, was 151")]
#[case::unborn(json!({ "name": "A", "email": "a@example.com", "age": -1 }), "#/age", "must be 0 to 150, was -1")]
#[case::unknown(json!({ "name": "A", "email": "a@example.com", "version": 3 }), "#/version", "is not known; there is `name`, `email`, `age` or `is_active`")]
#[tokio::test]
async fn create_user_rejects_what_is_no_user(
    #[case] body: Value,
    #[case] pointer: &str,
    #[case] detail: &str,
) {
    let app = app().await;
    let response = app.post("/api/v1/users").json(&body).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = response.problem();
    assert_eq!(problem["code"], "validation");
    assert_eq!(
        problem["errors"],
        json!([{ "pointer": pointer, "detail": detail }])
    );
}

#[tokio::test]
async fn a_list_is_no_user_and_no_change_of_one() {
    let app = app().await;
    let list = json!(["Ada", "ada@array.org", 36, true]);
    let refused = app.post("/api/v1/users").json(&list).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = json!([{ "pointer": "#", "detail": "must be an object, was a list" }]);
    assert_eq!(refused.problem()["errors"], errors);

    let user = create(&app, &ada()).await;
    for list in [json!([]), json!(["Bob"]), list] {
        let refused = app.patch(&path(&user)).json(&list).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{list}");
        assert_eq!(refused.problem()["errors"], errors);
    }
    assert_eq!(app.get(&path(&user)).await.json(), user);
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

#[tokio::test]
async fn replace_user_clears_what_is_absent() {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    let new = json!({ "name": "Ada King", "email": "king@example.com" });
    let replaced = app.put(&path(&ada)).json(&new).await;
    assert_eq!(replaced.status, StatusCode::OK);
    assert_eq!(replaced.header("etag"), "\"2\"");
    assert_json_snapshot!(replaced.json(), { ".id" => "[id]" }, @r#"
    {
      "created_at": "2026-09-21T14:13:20.123456Z",
      "email": "king@example.com",
      "id": "[id]",
      "is_active": true,
      "name": "Ada King",
      "updated_at": "2026-09-21T14:13:20.123456Z",
      "version": 2
    }
    "#);
    assert_eq!(app.get(&path(&ada)).await.json(), replaced.json());
}

#[tokio::test]
async fn patch_user_changes_what_is_there_and_clears_with_null() {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    let renamed = app
        .patch(&path(&ada))
        .json(&json!({ "name": "Ada King" }))
        .await;
    let renamed = renamed.expect_status(StatusCode::OK).json();
    assert_eq!(
        (&renamed["name"], &renamed["age"], &renamed["version"]),
        (&json!("Ada King"), &json!(36), &json!(2))
    );
    let cleared = app
        .patch(&path(&ada))
        .json(&json!({ "age": null, "is_active": false }))
        .await;
    let cleared = cleared.expect_status(StatusCode::OK).json();
    assert!(cleared.get("age").is_none());
    assert_eq!(
        (&cleared["name"], &cleared["is_active"]),
        (&json!("Ada King"), &json!(false))
    );
}

#[rstest]
#[case(json!({ "name": null }), "#/name")]
#[case(json!({ "email": null }), "#/email")]
#[case(json!({ "is_active": null }), "#/is_active")]
#[case(json!({ "age": 200 }), "#/age")]
#[case(json!({ "nmae": "Ada" }), "#/nmae")]
#[case(json!({ "id": Uuid::nil() }), "#/id")]
#[tokio::test]
async fn patch_user_rejects_null_for_what_is_required(#[case] patch: Value, #[case] pointer: &str) {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    let response = app.patch(&path(&ada)).json(&patch).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.problem()["errors"][0]["pointer"], pointer);
    assert_eq!(
        app.get(&path(&ada)).await.json(),
        ada,
        "nothing has changed"
    );
}

#[tokio::test]
async fn put_and_patch_reject_the_email_of_another_user() {
    let app = app().await;
    create(&app, &ada()).await;
    let bob = create(&app, &json!({ "name": "Bob", "email": "bob@example.com" })).await;
    let patched = app
        .patch(&path(&bob))
        .json(&json!({ "email": "ada@EXAMPLE.com" }))
        .await;
    assert_eq!(patched.status, StatusCode::CONFLICT);
    let replaced = app.put(&path(&bob)).json(&ada()).await;
    assert_eq!(replaced.status, StatusCode::CONFLICT);
    let own = app
        .patch(&path(&bob))
        .json(&json!({ "email": "BOB@example.com" }))
        .await;
    assert_eq!(
        own.expect_status(StatusCode::OK).json()["email"],
        "BOB@example.com"
    );
}

#[tokio::test]
async fn changes_that_are_meant_for_another_version_are_refused() {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    let path = path(&ada);
    let first = app
        .patch(&path)
        .header("if-match", "\"1\"")
        .json(&json!({ "age": 37 }))
        .await;
    assert_eq!(first.status, StatusCode::OK);

    let stale = [
        app.patch(&path)
            .header("if-match", "\"1\"")
            .json(&json!({ "age": 38 }))
            .await,
        app.put(&path)
            .header("if-match", "\"1\"")
            .json(&json!({ "name": "B", "email": "b@example.com" }))
            .await,
        app.delete(&path).header("if-match", "\"1\"").await,
        app.delete(&path).header("if-match", "\"3\", \"4\"").await,
    ];
    for response in stale {
        assert_eq!(response.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(response.problem()["code"], "precondition_failed");
    }
    assert_eq!(app.get(&path).await.json()["age"], 37);
    let deleted = app.delete(&path).header("if-match", "\"2\"").await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn delete_user_can_be_repeated() {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    for _ in 0..2 {
        let deleted = app.delete(&path(&ada)).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
        assert!(deleted.body.is_empty());
    }
    assert_gone(&app.get(&path(&ada)).await, ada["id"].as_str().unwrap());
}

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

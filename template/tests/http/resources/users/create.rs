//! Creating users.

use axum::http::StatusCode;
use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ada, app, create, path};

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

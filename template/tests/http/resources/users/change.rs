//! Replacing, changing and deleting users.

use axum::http::StatusCode;
use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ada, app, assert_gone, create, path};

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
#[case("name")]
#[case("email")]
#[case("is_active")]
#[tokio::test]
async fn patch_user_rejects_null_for_what_is_required(#[case] field: &str) {
    patch_is_rejected(&json!({ field: null }), &format!("#/{field}")).await;
}

#[rstest]
#[case::too_old(json!({ "age": 200 }), "#/age")]
#[case::blank_name(json!({ "name": " " }), "#/name")]
#[case::no_email(json!({ "email": "nobody" }), "#/email")]
#[tokio::test]
async fn patch_user_rejects_values_that_no_user_may_have(
    #[case] patch: Value,
    #[case] pointer: &str,
) {
    patch_is_rejected(&patch, pointer).await;
}

#[rstest]
#[case::misspelt(json!({ "nmae": "Ada" }), "#/nmae")]
#[case::not_the_client_s_to_set(json!({ "id": Uuid::nil() }), "#/id")]
#[tokio::test]
async fn patch_user_rejects_fields_it_does_not_know(#[case] patch: Value, #[case] pointer: &str) {
    patch_is_rejected(&patch, pointer).await;
}

async fn patch_is_rejected(patch: &Value, pointer: &str) {
    let app = app().await;
    let ada = create(&app, &ada()).await;
    let response = app.patch(&path(&ada)).json(patch).await;
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

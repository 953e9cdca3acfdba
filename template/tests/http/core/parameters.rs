//! Path, query and header parameters, good and bad.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, TestResponse};

async fn list(query: &str) -> TestResponse {
    let app = TestApp::without_database();
    app.get(&format!("/toys?{query}")).await
}

#[track_caller]
fn refused(response: &TestResponse) -> Value {
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    let problem = response.problem();
    assert_eq!(problem["code"], "invalid_parameter");
    problem["errors"].clone()
}

#[tokio::test]
async fn a_query_is_read_by_the_types_of_its_fields() {
    let response = list("limit=20&colour=dark_blue&is_new=true&name=1%2B1+%C3%A4").await;
    let query = json!({ "limit": 20, "colour": "dark_blue", "is_new": true, "name": "1+1 ä" });
    assert_eq!(response.json(), query);
    assert_eq!(list("").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_query_value_names_its_parameter() {
    insta::assert_json_snapshot!(refused(&list("limit=many").await), @r#"
    [
      {
        "detail": "must be a whole number, not negative, of at most 32 bits, was `many`",
        "parameter": "limit"
      }
    ]
    "#);
    insta::assert_json_snapshot!(refused(&list("limit=181").await), @r#"
    [
      {
        "detail": "must be 1 to 100, was 181",
        "parameter": "limit"
      }
    ]
    "#);
    insta::assert_json_snapshot!(refused(&list("colour=green").await), @r#"
    [
      {
        "detail": "must be `red` or `dark_blue`",
        "parameter": "colour"
      }
    ]
    "#);
    insta::assert_json_snapshot!(refused(&list("is_new=1").await), @r#"
    [
      {
        "detail": "must be `true` or `false`, was `1`",
        "parameter": "is_new"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_unknown_or_repeated_query_parameter_is_refused() {
    insta::assert_json_snapshot!(refused(&list("limti=20").await), @r#"
    [
      {
        "detail": "is not known; there is `limit`, `colour`, `is_new` or `name`",
        "parameter": "limti"
      }
    ]
    "#);
    insta::assert_json_snapshot!(refused(&list("limit=20&limit=30").await), @r#"
    [
      {
        "detail": "is given more than once",
        "parameter": "limit"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_bad_path_id_names_its_parameter() {
    let app = TestApp::without_database();
    insta::assert_json_snapshot!(refused(&app.get("/toys/17").await), @r#"
    [
      {
        "detail": "is not valid: UUID parsing failed: invalid length: found 2, was `17`",
        "parameter": "id"
      }
    ]
    "#);
    insta::assert_json_snapshot!(refused(&app.get("/toys/%ff").await), @r#"
    [
      {
        "detail": "is no UTF-8 text",
        "parameter": "id"
      }
    ]
    "#);
}

#[tokio::test]
async fn headers_are_read_and_refused_by_name() {
    let app = TestApp::without_database();
    let response = app.get("/toys/headers").header("x-toy-size", "7").await;
    assert_eq!(response.json(), 7);
    insta::assert_json_snapshot!(refused(&app.get("/toys/headers").await), @r#"
    [
      {
        "detail": "is missing",
        "parameter": "x-toy-size"
      }
    ]
    "#);
    let response = app.get("/toys/headers").header("x-toy-size", "10").await;
    insta::assert_json_snapshot!(refused(&response), @r#"
    [
      {
        "detail": "must be at most 9, was 10",
        "parameter": "x-toy-size"
      }
    ]
    "#);
}

#[tokio::test]
async fn the_versions_of_if_match_are_read() {
    let app = TestApp::without_database();
    let path = format!("/toys/{}", uuid::Uuid::nil());
    let versions = async |if_match: &'static str| {
        let response = app.put(&path).header("if-match", if_match).await;
        (response.status.as_u16(), response.json())
    };
    assert_eq!(app.put(&path).await.json(), Value::Null);
    assert_eq!(versions("*").await, (200, Value::Null));
    assert_eq!(
        versions("\"3\", W/\"4\", \"5\"").await,
        (200, json!([3, 5]))
    );

    let (status, problem) = versions("W/\"3\"").await;
    assert_eq!(
        (status, &problem["code"]),
        (412, &json!("precondition_failed"))
    );
    let (status, problem) = versions("3").await;
    assert_eq!(
        (status, &problem["errors"][0]["parameter"]),
        (400, &json!("if-match"))
    );
}

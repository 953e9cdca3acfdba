//! Bodies, good and bad.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, TestResponse};

async fn create(body: &Value) -> TestResponse {
    let app = TestApp::without_database();
    app.post("/toys").json(body).await
}

#[tokio::test]
async fn a_body_is_read_by_the_types_of_its_fields() {
    let response = create(&json!({ "name": "duck", "age": 3, "parts": [{ "quantity": 1 }] })).await;
    let response = response.expect_status(StatusCode::CREATED);
    assert_eq!(response.json()["name"], "duck 3 1");
}

#[tokio::test]
async fn everything_that_validation_finds_is_pointed_at() {
    let parts = json!([{ "quantity": 1 }, { "quantity": 0 }]);
    let response = create(&json!({ "name": "", "age": 181, "parts": parts })).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_json_snapshot!(response.problem(), @r##"
    {
      "code": "validation",
      "detail": "3 fields were refused.",
      "errors": [
        {
          "detail": "must be 0 to 150, was 181",
          "pointer": "#/age"
        },
        {
          "detail": "must be 1 to 10 characters",
          "pointer": "#/name"
        },
        {
          "detail": "must be at least 1, was 0",
          "pointer": "#/parts/1/quantity"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_pointed_at() {
    let response = create(&json!({ "name": "duck", "parts": [{ "quantity": "many" }] })).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_json_snapshot!(response.problem(), @r##"
    {
      "code": "validation",
      "detail": "1 field was refused.",
      "errors": [
        {
          "detail": "must be a whole number, not negative, was a text",
          "pointer": "#/parts/0/quantity"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn a_missing_field_is_pointed_at() {
    let response = create(&json!({ "name": "duck", "parts": [{}] })).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_json_snapshot!(response.problem(), @r##"
    {
      "code": "validation",
      "detail": "1 field was refused.",
      "errors": [
        {
          "detail": "is missing",
          "pointer": "#/parts/0/quantity"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn an_unknown_field_is_pointed_at() {
    let response = create(&json!({ "name": "duck", "aeg": 3 })).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_json_snapshot!(response.problem(), @r##"
    {
      "code": "validation",
      "detail": "1 field was refused.",
      "errors": [
        {
          "detail": "is not known; there is `name`, `age` or `parts`",
          "pointer": "#/aeg"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn an_element_of_a_list_is_pointed_at() {
    let app = TestApp::without_database();
    let body = json!([{ "quantity": 1 }, { "quantity": 0 }]);
    let response = app.post("/toys/several").json(&body).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.problem()["errors"][0]["pointer"], "#/1/quantity");

    let response = app
        .post("/toys/several")
        .json(&json!([{ "quantity": -1 }]))
        .await;
    assert_eq!(response.problem()["errors"][0]["pointer"], "#/0/quantity");
}

#[tokio::test]
async fn another_shape_than_an_object_is_pointed_at() {
    let response = create(&json!("duck")).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.problem()["errors"][0]["pointer"], "#");
}

#[tokio::test]
async fn a_list_is_no_object_wherever_it_stands() {
    let app = TestApp::without_database();
    for (path, body, pointer) in [
        ("/toys", json!(["duck", 3, []]), "#"),
        ("/toys", json!(["duck"]), "#"),
        ("/toys", json!([]), "#"),
        (
            "/toys",
            json!({ "name": "duck", "parts": [{ "quantity": 1 }, [4]] }),
            "#/parts/1",
        ),
        (
            "/toys",
            json!({ "name": "duck", "parts": [[]] }),
            "#/parts/0",
        ),
        ("/toys/several", json!([[4]]), "#/0"),
    ] {
        let response = app.post(path).json(&body).await;
        assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(
            response.problem()["errors"],
            json!([{ "pointer": pointer, "detail": "must be an object, was a list" }])
        );
    }
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
    let response =
        create(&json!({ "name": "duck", "age": 39.0, "parts": [{ "quantity": 2.0 }] })).await;
    let response = response.expect_status(StatusCode::CREATED);
    assert_eq!(response.json()["name"], "duck 39 1");

    for (age, was) in [("39.5", "39.5"), ("1e300", "1e+300"), ("4e9", "4000000000")] {
        let app = TestApp::without_database();
        let body = format!("{{\"name\": \"duck\", \"age\": {age}}}");
        let response = app.post("/toys").text("application/json", body).await;
        let detail = format!("must be a whole number from -2147483648 to 2147483647, was {was}");
        assert_eq!(response.problem()["errors"][0]["detail"], detail);
    }
}

#[tokio::test]
async fn what_is_not_json_is_a_bad_request() {
    let app = TestApp::without_database();
    for body in ["", "{", "{\"name\": \"duck\"} and more", "name=duck"] {
        let response = app.post("/toys").text("application/json", body).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(response.problem()["code"], "invalid_json", "{body}");
    }
    let response = app
        .post("/toys")
        .text("application/json", "{\n  \"name\": duck }")
        .await;
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "invalid_json",
      "detail": "The body is not JSON: expected value at line 2 column 11."
    }
    "#);
}

#[tokio::test]
async fn json_has_to_be_called_so() {
    let app = TestApp::without_database();
    for accepted in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
    ] {
        let response = app
            .post("/toys")
            .text(accepted, "{\"name\": \"duck\"}")
            .await;
        assert_eq!(response.status, StatusCode::CREATED, "{accepted}");
    }
    for refused in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/+json",
    ] {
        let response = app
            .post("/toys")
            .text(refused, "{\"name\": \"duck\"}")
            .await;
        assert_eq!(
            response.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{refused}"
        );
    }
    let response = app.post("/toys").await;
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "unsupported_media_type",
      "detail": "The body must be `application/json`."
    }
    "#);
}

#[tokio::test]
async fn a_body_may_not_be_larger_than_configured() {
    let app = TestApp::without_database_with([("SERVER_BODY_LIMIT_BYTES", "100")]);
    let body = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let response = app.post("/toys").text("application/json", body(100)).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let response = app.post("/toys").text("application/json", body(101)).await;
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "payload_too_large"
    }
    "#);
}

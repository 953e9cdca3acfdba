//! Creating many users at once.

use axum::http::StatusCode;
use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

use super::{ada, app, create};
use crate::support::TestApp;

const PATH: &str = "/api/v1/users/batch";

fn user(number: usize) -> Value {
    json!({ "name": format!("User {number}"), "email": format!("user{number}@example.com") })
}

async fn count(app: &TestApp) -> usize {
    let users = app.get("/api/v1/users?limit=100").await.json();
    users["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn many_users_are_created_with_one_request() {
    let app = app().await;
    let users: Vec<Value> = (0..40).map(user).collect();
    let created = app.post(PATH).json(&json!(users)).await;
    let created = created.expect_status(StatusCode::OK).json();
    assert_eq!(created["created"], 40);
    for (number, id) in created["ids"].as_array().unwrap().iter().enumerate() {
        let path = format!("/api/v1/users/{}", id.as_str().unwrap());
        let found = app.get(&path).await.json();
        assert_eq!(
            found["email"],
            format!("user{number}@example.com"),
            "the ids are not in order"
        );
    }
}

#[tokio::test]
async fn if_one_is_not_valid_none_is_created_and_each_fault_has_its_index() {
    let app = app().await;
    let users = json!([
        user(0),
        { "name": "", "email": "user1@example.com" },
        user(2),
        { "name": "X", "email": "nobody", "age": 151 },
    ]);
    let refused = app.post(PATH).json(&users).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_json_snapshot!(refused.problem()["errors"], @r##"
    [
      {
        "detail": "must be 1 to 100 characters",
        "pointer": "#/1/name"
      },
      {
        "detail": "must not be blank",
        "pointer": "#/1/name"
      },
      {
        "detail": "must be 0 to 150, was 151",
        "pointer": "#/3/age"
      },
      {
        "detail": "is no e-mail address",
        "pointer": "#/3/email"
      }
    ]
    "##);
    assert_eq!(count(&app).await, 0);
}

#[rstest]
#[case(json!([user(0), { "name": "X" }]), "#/1/email", "is missing")]
#[case(json!([user(0), { "name": "X", "email": "x@example.com", "nick": "y" }]), "#/1/nick", "is not known; there is `name`, `email`, `age` or `is_active`")]
#[case(json!([user(0), 7]), "#/1", "must be an object, was a number")]
#[tokio::test]
async fn what_is_no_user_is_told_with_its_index(
    #[case] users: Value,
    #[case] pointer: &str,
    #[case] detail: &str,
) {
    let refused = app().await.post(PATH).json(&users).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = &refused.problem()["errors"];
    assert_eq!(errors, &json!([{ "pointer": pointer, "detail": detail }]));
}

#[tokio::test]
async fn if_one_address_is_taken_none_is_created() {
    let app = app().await;
    create(&app, &ada()).await;
    let again = json!({ "name": "Another Ada", "email": "ADA@example.COM" });
    let refused = app.post(PATH).json(&json!([user(0), again, user(2)])).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_json_snapshot!(refused.problem(), @r##"
    {
      "code": "conflict",
      "detail": "There is one already with this email.",
      "errors": [
        {
          "detail": "is the address of another user",
          "pointer": "#/1/email"
        }
      ]
    }
    "##);
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn two_users_of_one_request_can_t_have_one_address() {
    let app = app().await;
    let again = json!({ "name": "Again", "email": "USER0@example.com" });
    let refused = app.post(PATH).json(&json!([user(0), user(1), again])).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        refused.problem()["errors"],
        json!([{ "pointer": "#/2/email", "detail": "is the address of #/0, too" }])
    );
}

#[rstest]
#[case(0)]
#[case(4)]
#[tokio::test]
async fn none_or_more_than_the_limit_are_refused_with_its_name(#[case] number: usize) {
    let app = TestApp::with([("BATCH_MAX_ITEMS", "3")]).await;
    let users: Vec<Value> = (0..number).map(user).collect();
    let refused = app.post(PATH).json(&json!(users)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = format!("must have 1 to 3 items, has {number}");
    assert_eq!(
        refused.problem()["errors"],
        json!([{ "pointer": "#", "detail": detail }])
    );
    assert_eq!(count(&app).await, 0);
}

#[tokio::test]
async fn as_many_as_the_limit_fit_into_the_body() {
    let app = app().await;
    let users: Vec<Value> = (0..500).map(user).collect();
    let created = app.post(PATH).json(&json!(users)).await;
    assert_eq!(created.json()["created"], 500);
}

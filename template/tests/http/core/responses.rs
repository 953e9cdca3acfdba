//! What handlers return when all went well.

use axum::http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::support::TestApp;

#[tokio::test]
async fn a_resource_comes_with_its_version_as_a_strong_tag() {
    let response = TestApp::without_database()
        .get(&format!("/toys/{}", Uuid::nil()))
        .await;
    assert_eq!(response.header("etag"), "\"7\"");
    assert_eq!(response.json()["version"], 7);
}

#[tokio::test]
async fn a_new_resource_says_where_it_is() {
    let app = TestApp::without_database();
    let response = app.post("/toys").json(&json!({ "name": "duck" })).await;
    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!(response.header("etag"), "\"7\"");
    let location = response.header("location");
    assert_eq!(location, "/toys/00000000-0000-0000-0000-000000000000");
    assert_eq!(app.get(location).await.status, StatusCode::OK);

    let response = app.post("/toys/elsewhere").await;
    assert_eq!(
        response.header("location"),
        format!("/other/toys/{}", Uuid::nil())
    );
}

#[tokio::test]
async fn nothing_to_say_is_no_content() {
    let response = TestApp::without_database()
        .delete(&format!("/toys/{}", Uuid::nil()))
        .await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn the_root_says_what_this_is_and_leads_on() {
    let app = TestApp::without_database();
    let index = app.get("/").await.json();
    assert_eq!(index["name"], env!("CARGO_PKG_NAME"));
    for link in ["openapi", "problems"] {
        let response = app.get(index[link].as_str().unwrap()).await;
        assert_eq!(response.status, StatusCode::OK, "{link}");
    }
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn the_page_of_the_api_is_served_from_the_binary() {
    let app = TestApp::without_database();
    let response = app.get("/docs").await;
    assert_eq!(response.status, StatusCode::SEE_OTHER);
    let page = app.get(response.header("location")).await;
    assert!(page.header("content-type").starts_with("text/html"));
    let script = app.get("/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&script.body).contains("/openapi.json"));
    assert_eq!(
        app.get("/docs/swagger-ui-bundle.js").await.status,
        StatusCode::OK
    );
    assert_eq!(
        app.get("/docs/nothing.js").await.problem()["code"],
        "not_found"
    );
}

#[tokio::test]
async fn the_api_is_described_only_where_that_is_enabled() {
    let app = TestApp::without_database_with([("DOCS_ENABLED", "false")]);
    for path in ["/docs", "/openapi.json"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let index = app.get("/").await.json();
    assert!(index.get("docs").is_none() && index.get("openapi").is_none());
}

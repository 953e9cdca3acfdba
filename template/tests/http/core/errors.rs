//! Errors that are nobody's parameter and nobody's body: of the router, the middleware, the database, and the program.

use app::core::config::AppEnv;
use app::core::http::{ProblemCode, Surface};
use app::core::telemetry::panics::{Panic, catch};
use axum::http::{Method, StatusCode};
use sea_orm::TransactionTrait;

use crate::support::{Logs, TestApp};

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let app = TestApp::without_database();
    for path in ["/nowhere", "/toys/", "/toys/1/2/3", "/api/v1"] {
        let response = app.get(path).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.problem()["code"], "unknown_path", "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_lists_the_right_ones() {
    let app = TestApp::without_database();
    let response = app.patch("/toys").await;
    assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.problem()["code"], "method_not_allowed");
    assert_eq!(response.header("allow"), "GET,HEAD,POST");
    let response = app.post("/livez").await;
    assert_eq!(response.problem()["code"], "method_not_allowed");
    assert_eq!(response.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn an_error_answer_to_head_has_no_body() {
    let response = TestApp::without_database()
        .request(Method::HEAD, "/toys/17")
        .await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.header("content-type"), "application/problem+json");
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn a_panic_is_caught_and_logged_once_with_the_request() {
    let logs = Logs::capture();
    let app = TestApp::without_database();
    let panics = Logs::panics();
    let response = app
        .post("/toys/broken")
        .header("x-request-id", "panic-1")
        .await;
    drop(panics);
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "internal",
      "detail": "panic: the toy is broken"
    }
    "#);

    let lines = logs.errors();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["fields"]["message"], "POST /toys/broken 500");
    assert_eq!(lines[0]["fields"]["error"], "panic: the toy is broken");
    let location = lines[0]["fields"]["location"].as_str().unwrap();
    assert!(location.contains("core/toys.rs:"), "{location}");
    assert_eq!(lines[0]["span"]["request_id"], "panic-1");

    let response = app.get("/toys").await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn a_panic_that_is_no_request_s_is_logged_with_its_place() {
    let logs = Logs::capture();
    let panics = Logs::panics();
    let task = tokio::spawn(async { panic!("nobody asked") });
    assert!(task.await.is_err());
    drop(panics);
    let lines = logs.errors();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["fields"]["message"], "panicked: nobody asked");
    let location = lines[0]["fields"]["location"].as_str().unwrap();
    assert!(location.contains("core/errors.rs:"), "{location}");
}

#[test]
fn a_panic_that_somebody_else_caught_is_not_lost_when_another_follows() {
    let logs = Logs::capture();
    let panics = Logs::panics();
    let second = catch(|| {
        let _ = std::panic::catch_unwind(|| panic!("the first"));
        panic!("the second");
    });
    drop(panics);
    let second: Panic = second.err().unwrap();
    assert_eq!(second.to_string(), "panic: the second");
    let lines = logs.errors();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["fields"]["message"], "panicked: the first");
}

#[tokio::test]
async fn the_detail_of_a_failed_service_is_told_in_local_and_dev_only() {
    let detail = async |env| {
        let app = TestApp::without_database_in(env, Surface::Public, []);
        let broken = app.post("/toys/broken").await.problem();
        let closed = app.get("/toys/unavailable").await.problem();
        let missing = app.get("/toys/missing").await.problem();
        assert_eq!(missing["detail"], "There is no toy 7.", "{env}");
        (broken["detail"].clone(), closed["detail"].clone())
    };
    for env in [AppEnv::Local, AppEnv::Dev] {
        let (broken, closed) = detail(env).await;
        assert_eq!(broken, "panic: the toy is broken", "{env}");
        assert_eq!(closed, "The shop is closed. (the key is lost)", "{env}");
    }
    for env in [AppEnv::Uat, AppEnv::Prod] {
        let (broken, closed) = detail(env).await;
        assert!(broken.is_null(), "{env}");
        assert!(closed.is_null(), "{env}");
    }
}

#[tokio::test]
async fn what_the_client_is_not_told_is_in_the_log() {
    let logs = Logs::capture();
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, []);
    app.get("/toys/unavailable").await;
    let lines = logs.of_requests();
    assert_eq!(lines[0]["fields"]["detail"], "The shop is closed.");
    assert_eq!(lines[0]["fields"]["error"], "the key is lost");
}

#[tokio::test]
async fn a_request_may_not_take_longer_than_configured() {
    let settings = [
        ("SERVER_REQUEST_TIMEOUT_SECS", "2"),
        ("DATABASE_COMMAND_TIMEOUT_SECS", "1"),
        ("DATABASE_POOL_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1"),
    ];
    let app = TestApp::without_database_with(settings);
    let response = app.get("/toys/endless").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "timeout",
      "detail": "The request took longer than it may."
    }
    "#);
}

#[tokio::test]
async fn what_the_database_says_becomes_a_problem() {
    let app = TestApp::without_database();
    let response = app.get("/toys/missing").await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "not_found",
      "detail": "There is no toy 7."
    }
    "#);
    let response = app.get("/toys/stale").await;
    assert_eq!(response.status, StatusCode::PRECONDITION_FAILED);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "precondition_failed",
      "detail": "The toy 7 is in another version."
    }
    "#);
    let response = app
        .post("/toys")
        .json(&serde_json::json!({ "name": "twin" }))
        .await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "conflict",
      "detail": "There is a twin already."
    }
    "#);
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    let app = TestApp::without_database_in(AppEnv::Uat, Surface::Public, []);
    let response = app.get("/toys/database").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "1");
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "unavailable"
    }
    "#);
}

#[tokio::test]
async fn no_free_connection_in_time_is_unavailable() {
    let settings = [
        ("DATABASE_POOL_MAX_SIZE", "1"),
        ("DATABASE_POOL_TIMEOUT_SECS", "1"),
    ];
    let app = TestApp::with(settings).await;
    let busy = app.state.database.begin().await.unwrap();
    let response = app.get("/toys/database").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "1");
    drop(busy);
    let response = app.get("/toys/database").await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_timeout() {
    let app = TestApp::with([("DATABASE_COMMAND_TIMEOUT_SECS", "1")]).await;
    let response = app.get("/toys/database/sleep").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    let detail = response.problem()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("The database took too long."),
        "{detail}"
    );
}

#[tokio::test]
async fn what_others_answer_in_plain_text_becomes_a_problem() {
    let response = TestApp::without_database()
        .get("/toys/foreign?number=many")
        .await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "bad_request"
    }
    "#);
}

#[tokio::test]
async fn the_type_of_every_problem_leads_to_what_it_means() {
    let app = TestApp::without_database();
    let listed = app.get("/problems").await.json();
    assert_eq!(
        listed["items"].as_array().unwrap().len(),
        ProblemCode::ALL.len()
    );
    for code in ProblemCode::ALL {
        let kind = app
            .get(&code.uri())
            .await
            .expect_status(StatusCode::OK)
            .json();
        assert_eq!(kind["code"], code.as_str());
        assert_eq!(kind["status"], code.status().as_u16());
    }
    assert_eq!(
        app.get("/problems/unheard_of").await.status,
        StatusCode::NOT_FOUND
    );
}

//! Pages of other origins.

use app::core::config::AppEnv;
use app::core::http::Surface;
use axum::http::Method;

use crate::support::{TestApp, TestResponse};

async fn preflight(app: &TestApp, origin: &'static str) -> TestResponse {
    app.request(Method::OPTIONS, "/toys")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .await
}

#[tokio::test]
async fn any_page_may_call_a_local_service() {
    let app = TestApp::without_database();
    let response = preflight(&app, "https://app.example.com").await;
    assert!(response.status.is_success());
    assert_eq!(response.header("access-control-allow-origin"), "*");
    assert!(
        response
            .header("access-control-allow-methods")
            .contains("POST")
    );
}

#[tokio::test]
async fn elsewhere_only_pages_of_the_configured_origins_may() {
    let settings = [("CORS_ALLOWED_ORIGINS", "https://app.example.com")];
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, settings);
    let listed = preflight(&app, "https://app.example.com").await;
    assert_eq!(
        listed.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    let other = preflight(&app, "https://evil.example.com").await;
    assert_eq!(other.header("access-control-allow-origin"), "");

    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, []);
    let none = preflight(&app, "https://app.example.com").await;
    assert_eq!(none.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_page_may_read_errors_too() {
    let app = TestApp::without_database();
    for path in ["/toys/broken", "/nowhere"] {
        let response = app
            .post(path)
            .header("origin", "https://app.example.com")
            .await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            "*",
            "{path}"
        );
        assert!(
            response
                .header("access-control-expose-headers")
                .contains("x-request-id")
        );
    }
}

#[tokio::test]
async fn an_answer_that_differs_by_page_says_so_to_caches() {
    let settings = [
        ("CORS_ALLOWED_ORIGINS", "https://app.example.com"),
        ("CORS_ALLOW_CREDENTIALS", "true"),
    ];
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, settings);
    let get = |origin| app.get("/toys").header("origin", origin);
    let listed = get("https://app.example.com").await;
    assert_eq!(
        listed.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    assert_eq!(listed.header("access-control-allow-credentials"), "true");
    let other = get("https://evil.example.com").await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(other.header("access-control-allow-credentials"), "");
    for answer in [listed, other, app.get("/toys").await] {
        assert_eq!(answer.header("vary"), "origin");
    }

    let local = TestApp::without_database().get("/toys").await;
    assert_eq!(local.header("access-control-allow-origin"), "*");
    assert_eq!(local.header("vary"), "");
}

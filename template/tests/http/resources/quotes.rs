//! Quotes, from a service that the tests play.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::time::Duration;

use app::core::clock::Clock;
use axum::http::StatusCode;
use chrono::DateTime;
use futures::future::join_all;
use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;
use wiremock::matchers::{header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{TestApp, TestResponse};

/// A service that asks this one for quotes, and the path of a product's quote.
async fn shop(upstream: &str) -> (TestApp, String) {
    shop_with([("UPSTREAM_BASE_URL", upstream)]).await
}

async fn shop_with<const N: usize>(settings: [(&str, &str); N]) -> (TestApp, String) {
    let time = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let app = TestApp::build(settings, |builder| builder.clock(Clock::fixed(time))).await;
    let cup = json!({ "name": "Cup", "price": "3.50" });
    let cup = app
        .post("/api/v1/products")
        .json(&cup)
        .await
        .expect_status(StatusCode::CREATED)
        .json();
    (app, cup["id"].as_str().unwrap().to_owned())
}

async fn quote(app: &TestApp, product: &str) -> TestResponse {
    app.get(&format!("/api/v1/products/{product}/quote")).await
}

#[tokio::test]
async fn a_quote_is_what_the_other_service_asks() {
    let upstream = MockServer::start().await;
    let (app, cup) = shop(&format!("{}/", upstream.uri())).await;
    let asks = ResponseTemplate::new(200).set_body_json(json!({ "price": 3.2, "currency": "CHF" }));
    Mock::given(method("GET"))
        .and(path(format!("/quotes/{cup}")))
        .and(header_exists("x-request-id"))
        .respond_with(asks)
        .expect(1)
        .mount(&upstream)
        .await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_json_snapshot!(response.json(), { ".product_id" => "[id]" }, @r#"
    {
      "list_price": "3.5",
      "product_id": "[id]",
      "quoted_at": "2026-09-21T14:13:20Z",
      "quoted_price": "3.2"
    }
    "#);
}

#[rstest]
#[case::failed(ResponseTemplate::new(500))]
#[case::unknown_there(ResponseTemplate::new(404))]
#[case::no_json(ResponseTemplate::new(200).set_body_string("3.2"))]
#[case::no_price(ResponseTemplate::new(200).set_body_json(json!({ "price": "dear" })))]
#[tokio::test]
async fn what_the_other_service_does_wrong_is_not_our_client_s_fault(
    #[case] answer: ResponseTemplate,
) {
    let upstream = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::BAD_GATEWAY);
    response.problem();
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_504() {
    let upstream = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("GET"))
        .respond_with(late)
        .mount(&upstream)
        .await;
    let uri = upstream.uri();
    let settings = [
        ("UPSTREAM_BASE_URL", uri.as_str()),
        ("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1"),
        ("HTTP_CLIENT_READ_TIMEOUT_SECS", "1"),
    ];
    let (app, cup) = shop_with(settings).await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    response.problem();
}

#[tokio::test]
async fn a_service_that_is_away_is_503() {
    // a port that is reserved, where nobody listens
    let (app, cup) = shop("http://127.0.0.1:1").await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "1");
    assert_eq!(response.problem()["code"], "unavailable");
}

#[tokio::test]
async fn a_service_that_is_busy_for_a_moment_is_asked_again() {
    let upstream = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
    Mock::given(method("GET"))
        .respond_with(busy)
        .up_to_n_times(2)
        .mount(&upstream)
        .await;
    let asks = ResponseTemplate::new(200).set_body_json(json!({ "price": 3.2 }));
    Mock::given(method("GET"))
        .respond_with(asks)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(upstream.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_service_that_is_busy_for_longer_says_for_how_long() {
    let upstream = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "40");
    Mock::given(method("GET"))
        .respond_with(busy)
        .expect(1)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "40");
    response.problem();
}

#[tokio::test]
async fn a_service_that_fails_too_often_is_not_asked_for_a_while() {
    let upstream = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(500))
        .expect(5)
        .mount(&upstream)
        .await;
    let uri = upstream.uri();
    let settings = [
        ("UPSTREAM_BASE_URL", uri.as_str()),
        ("HTTP_CLIENT_BREAKER_MIN_CALLS", "5"),
        ("HTTP_CLIENT_BREAKER_OPEN_SECS", "300"),
    ];
    let (app, cup) = shop_with(settings).await;
    for _ in 0..5 {
        let response = quote(&app, &cup).await;
        assert_eq!(response.status, StatusCode::BAD_GATEWAY);
    }
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u32 = response.header("retry-after").parse().unwrap();
    assert!((200..=300).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_client_that_can_not_wait_gets_504_and_does_no_harm() {
    let upstream = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("GET"))
        .respond_with(late)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let path = format!("/api/v1/products/{cup}/quote");
    for _ in 0..25 {
        let response = app.get(&path).header("x-request-timeout", "0.01").await;
        assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
        response.problem();
    }
    let response = app.get(&path).header("x-request-timeout", "soon").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    let problem = response.problem();
    assert_eq!(problem["errors"][0]["parameter"], "X-Request-Timeout");
}

#[rstest]
#[case::away("http://127.0.0.1:1", "unhealthy")]
#[case::not_configured("", "healthy")]
#[tokio::test]
async fn its_health_is_shown_but_does_not_gate_readiness(
    #[case] upstream: &str,
    #[case] status: &str,
) {
    let (app, _) = shop(upstream).await;
    let health = app.get("/health").await.json();
    assert_eq!(health["checks"]["quotes"]["status"], status);
    assert_eq!(health["checks"]["quotes"]["gates_readiness"], false);
    assert_eq!(health["checks"]["database"]["status"], "healthy");
    app.get("/readyz").await.expect_status(StatusCode::OK);
}

#[tokio::test]
async fn without_a_service_to_ask_there_are_no_quotes() {
    let (app, cup) = shop("").await;
    let response = quote(&app, &cup).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "60");
    let problem = response.problem();
    assert_eq!(
        problem,
        json!({ "code": "unavailable", "detail": "No service that quotes prices is configured." })
    );
}

#[tokio::test]
async fn a_product_that_is_not_there_has_no_quote() {
    let (app, _) = shop("").await;
    let response = quote(&app, &Uuid::now_v7().to_string()).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    let response = quote(&app, "17").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
}

/// Longer than twenty requests take to come in, also on a busy machine.
const SLOW: Duration = Duration::from_millis(1500);

#[rstest]
#[case::answered(ResponseTemplate::new(200).set_body_json(json!({ "price": 3.2 })), StatusCode::OK)]
#[case::failed(ResponseTemplate::new(500), StatusCode::BAD_GATEWAY)]
#[tokio::test]
async fn many_who_want_a_quote_for_one_product_are_one_question(
    #[case] answer: ResponseTemplate,
    #[case] status: StatusCode,
) {
    let upstream = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(answer.set_delay(SLOW))
        .expect(1)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let answers = join_all((0..20).map(|_| quote(&app, &cup))).await;
    for answer in answers {
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let stats = app.get("/coalescing/stats").await.json();
    assert_eq!(stats["quotes"]["misses"], 1);
    assert_eq!(stats["quotes"]["hits"], 19);
}

#[tokio::test]
async fn who_asked_first_and_has_no_time_left_ends_the_question_for_nobody() {
    let upstream = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "price": 3.2 }));
    Mock::given(method("GET"))
        .and(header("x-request-id", "the-first"))
        .respond_with(answer.set_delay(SLOW))
        .expect(1)
        .mount(&upstream)
        .await;
    let (app, cup) = shop(&upstream.uri()).await;
    let path = format!("/api/v1/products/{cup}/quote");
    let hurried = async {
        app.get(&path)
            .header("x-request-id", "the-first")
            .header("x-request-timeout", "1")
            .await
    };
    let patient = async {
        while upstream.received_requests().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        quote(&app, &cup).await
    };
    let (hurried, patient) = tokio::join!(hurried, patient);
    assert_eq!(hurried.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(patient.status, StatusCode::OK, "{patient:?}");
}

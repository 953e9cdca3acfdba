//! The client for requests to other services, against a server that does as it is told.

#![cfg(feature = "http-client")]

use std::time::Duration;

use app::core::config::Config;
use app::core::http::AppError;
use app::core::http_client::{HttpClient, HttpClientError};
use app::core::request_id::RequestId;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn client<const N: usize>(settings: [(&str, &str); N]) -> HttpClient {
    HttpClient::new(Config::for_tests(settings).section()).unwrap()
}

async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

fn status(error: HttpClientError) -> u16 {
    AppError::from(error).status().as_u16()
}

#[tokio::test]
async fn a_request_takes_query_headers_and_body_along_and_reads_the_answer() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "price": "1.50" }));
    Mock::given(method("POST"))
        .and(path("/quotes"))
        .and(query_param("currency", "CHF"))
        .and(header("accept-language", "de"))
        .and(wiremock::matchers::body_json(json!({ "product": 7 })))
        .respond_with(answer)
        .mount(&server)
        .await;
    let answer = client([])
        .post(format!("{}/quotes", server.uri()))
        .query(&[("currency", "CHF")])
        .header(axum::http::header::ACCEPT_LANGUAGE, "de")
        .json(&json!({ "product": 7 }))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.success().unwrap().json().await.unwrap();
    assert_eq!(answer["price"], "1.50");
}

#[tokio::test]
async fn the_id_of_the_request_goes_along() {
    let server = server(ResponseTemplate::new(200)).await;
    let client = client([]);
    let id = RequestId::from_client(&"abc-123".parse().unwrap()).unwrap();
    id.scope(client.get(server.uri()).send()).await.unwrap();
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].headers["x-request-id"], "abc-123");
    let agent = received[0].headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with(env!("CARGO_PKG_NAME")), "{agent}");
}

#[tokio::test]
async fn an_error_status_is_a_bad_gateway_that_does_not_tell_secrets() {
    let server = server(ResponseTemplate::new(500)).await;
    let answer = client([])
        .get(format!("{}/x?token=s3cret", server.uri()))
        .send()
        .await
        .unwrap();
    let error = answer.success().unwrap_err();
    assert!(matches!(&error, HttpClientError::Status { status, .. } if status.as_u16() == 500));
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert_eq!(status(error), 502);
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_expected_is_a_bad_gateway() {
    let server = server(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let answer = client([]).get(server.uri()).send().await.unwrap();
    let error = answer.json::<Value>().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Answer(_)), "{error:?}");
    assert_eq!(status(error), 502);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let error = client([])
        .get("http://127.0.0.1:1/x?token=s3cret")
        .send()
        .await
        .unwrap_err();
    assert!(
        matches!(error, HttpClientError::Unavailable(_)),
        "{error:?}"
    );
    assert!(
        error.to_string().starts_with("http://127.0.0.1:1/x: "),
        "{error}"
    );
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert_eq!(status(error), 503);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_timeout() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = server(slow).await;
    for limit in [
        "HTTP_CLIENT_REQUEST_TIMEOUT_SECS",
        "HTTP_CLIENT_READ_TIMEOUT_SECS",
    ] {
        let error = client([(limit, "1")])
            .get(server.uri())
            .send()
            .await
            .unwrap_err();
        assert!(
            matches!(error, HttpClientError::Timeout(_)),
            "{limit}: {error:?}"
        );
        assert_eq!(status(error), 504);
    }
    let request = client([])
        .get(server.uri())
        .timeout(Duration::from_millis(1));
    assert!(matches!(
        request.send().await,
        Err(HttpClientError::Timeout(_))
    ));
}

#[tokio::test]
async fn a_request_can_not_take_longer_than_the_client_allows() {
    let server = server(ResponseTemplate::new(200).set_delay(Duration::from_secs(3))).await;
    let request = client([("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1")])
        .get(server.uri())
        .timeout(Duration::from_hours(1));
    let error = request.send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Timeout(_)), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_a_bad_gateway() {
    const MIB: usize = 1024 * 1024;
    let server = server(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 9 * MIB])).await;
    let client = client([]);
    let send = async |limit: Option<usize>| {
        let request = client.get(format!("{}/x?token=s3cret", server.uri()));
        let request = match limit {
            Some(limit) => request.body_limit(limit),
            None => request,
        };
        request.send().await.unwrap()
    };
    for limit in [None, Some(9 * MIB - 1)] {
        let error = send(limit).await.bytes().await.unwrap_err();
        assert!(
            matches!(error, HttpClientError::TooLarge { .. }),
            "{error:?}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(status(error), 502);
    }
    let error = send(None).await.json::<Value>().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::TooLarge { .. }),
        "{error:?}"
    );
    let body = send(Some(9 * MIB)).await.bytes().await.unwrap();
    assert_eq!(body.len(), 9 * MIB);
}

/// Answers one request without saying how long the answer is, and goes on for as long as somebody reads.
async fn endless_server() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await;
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let mut sent = connection.write_all(head).await;
        while sent.is_ok() {
            sent = connection.write_all(&[b' '; 8192]).await;
        }
    });
    url
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_read_to_its_end() {
    let answer = client([]).get(endless_server().await).send().await.unwrap();
    let error = answer.bytes().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::TooLarge { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn no_free_place_in_time_is_unavailable() {
    let server = server(ResponseTemplate::new(200)).await;
    let settings = [
        ("HTTP_CLIENT_MAX_CONNECTIONS", "1"),
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1"),
    ];
    let client = client(settings);
    let first = client.get(server.uri()).send().await.unwrap();
    let error = client.get(server.uri()).send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Busy), "{error:?}");
    assert_eq!(status(error), 503);
    drop(first);
    client.get(server.uri()).send().await.unwrap();
}

#[tokio::test]
async fn redirects_are_followed_only_as_configured() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(302).insert_header("location", "/new");
    Mock::given(path("/old"))
        .respond_with(moved)
        .mount(&server)
        .await;
    Mock::given(path("/new"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let old = format!("{}/old", server.uri());
    let answer = client([]).get(&old).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    let answer = client([("HTTP_CLIENT_REDIRECTS", "1")])
        .get(&old)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn what_is_no_url_is_our_own_fault() {
    let error = client([]).get("no url").send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Request(_)), "{error:?}");
    assert_eq!(status(error), 500);
}

#[tokio::test]
async fn a_certificate_that_can_not_be_read_is_named_with_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, broken).unwrap();
    let config = Config::for_tests([("HTTP_CLIENT_CA_CERT", file.to_str().unwrap())]);
    let error = HttpClient::new(config.section()).unwrap_err().to_string();
    assert!(error.starts_with("HTTP_CLIENT_CA_CERT: "), "{error}");
    assert!(error.contains("ca.pem"), "{error}");
}

//! The client for requests to other services when those are not well: what is tried again, what is not, and when it is given up.

#![cfg(feature = "http-client")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use app::core::config::Config;
use app::core::deadline::Deadline;
use app::core::http::AppError;
use app::core::http_client::{HttpClient, HttpClientError};
use axum::http::{HeaderName, Method};
use axum::response::IntoResponse;
use futures::future::join_all;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

fn client<const N: usize>(settings: [(&str, &str); N]) -> HttpClient {
    HttpClient::new(Config::for_tests(settings).section()).unwrap()
}

/// Answers so many times like this, and then with 200.
async fn ill_server(answer: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(answer)
        .up_to_n_times(times)
        .mount(&server)
        .await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    server
}

async fn received(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// Does this with each connection, counting them.
async fn socket_server<F: Future<Output = ()> + Send + 'static>(
    serve: fn(TcpStream) -> F,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            tokio::spawn(serve(connection));
        }
    });
    (address, accepted)
}

/// Reads a request and hangs up.
async fn hang_up(mut connection: TcpStream) {
    let _ = connection.read(&mut [0; 4096]).await;
}

#[rstest]
#[case(429)]
#[case(502)]
#[case(503)]
#[case(504)]
#[tokio::test]
async fn what_passes_is_tried_again(#[case] status: u16) {
    let server = ill_server(ResponseTemplate::new(status), 3).await;
    let answer = client([]).get(server.uri()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(received(&server).await, 4, "the first and three more");
}

#[rstest]
#[case(400)]
#[case(404)]
#[case(500)]
#[case(501)]
#[tokio::test]
async fn what_would_be_the_same_again_is_not_tried_again(#[case] status: u16) {
    let server = ill_server(ResponseTemplate::new(status), 9).await;
    let answer = client([]).get(server.uri()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), status);
    assert_eq!(received(&server).await, 1);
}

#[tokio::test]
async fn attempts_end_with_the_last_answer() {
    let server = ill_server(ResponseTemplate::new(503), 99).await;
    let client = client([("HTTP_CLIENT_MAX_RETRIES", "1")]);
    let answer = client.get(server.uri()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(received(&server).await, 2);
    client
        .get(server.uri())
        .max_retries(0)
        .send()
        .await
        .unwrap();
    assert_eq!(received(&server).await, 3);
}

#[rstest]
#[case::get(Method::GET, false, 4)]
#[case::put(Method::PUT, false, 4)]
#[case::delete(Method::DELETE, false, 4)]
#[case::post(Method::POST, false, 1)]
#[case::patch(Method::PATCH, false, 1)]
#[case::post_with_a_key(Method::POST, true, 4)]
#[tokio::test]
async fn only_what_is_safe_to_be_sent_twice_is(
    #[case] method: Method,
    #[case] has_key: bool,
    #[case] attempts: usize,
) {
    let (address, accepted) = socket_server(hang_up).await;
    let mut request = client([]).request(method.clone(), format!("http://{address}/"));
    if has_key {
        request = request.header(IDEMPOTENCY_KEY, "order-17");
    }
    let error = request.json(&17).send().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::Unavailable(_)),
        "{error:?}"
    );
    assert_eq!(
        accepted.load(SeqCst),
        attempts,
        "{method} was sent so often"
    );

    let server = ill_server(ResponseTemplate::new(503), 99).await;
    let mut request = client([]).request(method.clone(), server.uri());
    if has_key {
        request = request.header(IDEMPOTENCY_KEY, "order-17");
    }
    request.json(&17).send().await.unwrap();
    assert_eq!(
        received(&server).await,
        attempts,
        "{method} was sent so often"
    );
}

#[tokio::test]
async fn a_service_that_comes_back_meanwhile_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let returns = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await;
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        connection.write_all(answer).await.unwrap();
    };
    let client = client([("HTTP_CLIENT_MAX_RETRIES", "10")]);
    let request = client.get(format!("http://{address}/")).send();
    let (answer, ()) = tokio::join!(request, returns);
    assert_eq!(answer.unwrap().status().as_u16(), 204);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_asked_for_twice() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = ill_server(slow, 9).await;
    let client = client([("HTTP_CLIENT_READ_TIMEOUT_SECS", "1")]);
    let error = client.get(server.uri()).send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Timeout(_)), "{error:?}");
    assert_eq!(received(&server).await, 1);
}

#[tokio::test]
async fn the_time_that_the_other_service_asks_for_is_waited() {
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "1");
    let server = ill_server(busy, 1).await;
    let start = Instant::now();
    let answer = client([]).get(server.uri()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_time_that_would_be_too_late_is_handed_on_at_once() {
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "60");
    let server = ill_server(busy, 9).await;
    let answer = client([]).get(server.uri()).send().await.unwrap();
    assert_eq!(received(&server).await, 1);
    let error = AppError::from(answer.success().unwrap_err());
    let response = error.into_response();
    assert_eq!(response.status().as_u16(), 503);
}

#[tokio::test]
async fn nothing_goes_on_past_the_deadline_of_the_request_that_is_answered() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = ill_server(slow, 9).await;
    let client = client([]);
    let request = client.get(server.uri()).send();
    let deadline = Deadline::after(Duration::from_millis(100));
    let error = deadline.scope(request).await.unwrap_err();
    assert!(matches!(error, HttpClientError::Timeout(_)), "{error:?}");
    assert_eq!(AppError::from(error).status().as_u16(), 504);

    // No attempt is made that could not end in time.
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "5");
    let server = ill_server(busy, 1).await;
    let request = client.get(server.uri()).send();
    let answer = Deadline::after(Duration::from_secs(4)).scope(request).await;
    assert_eq!(answer.unwrap().status().as_u16(), 503);
    assert_eq!(received(&server).await, 1);
}

/// Sends a part of an answer, and hangs up.
async fn break_off(mut connection: TcpStream) {
    let _ = connection.read(&mut [0; 4096]).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":";
    let _ = connection.write_all(answer).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unavailable_and_not_asked_for_again() {
    let (address, accepted) = socket_server(break_off).await;
    let answer = client([])
        .get(format!("http://{address}/"))
        .send()
        .await
        .unwrap();
    let error = answer.bytes().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::Unavailable(_)),
        "{error:?}"
    );
    assert_eq!(AppError::from(error).status().as_u16(), 503);
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn attempts_do_not_multiply_the_load_of_a_service_that_fails() {
    let server = ill_server(ResponseTemplate::new(503), 9999).await;
    let client = client([
        ("HTTP_CLIENT_BREAKER_FAILURE_PERCENT", "0"),
        ("HTTP_CLIENT_MAX_RETRIES", "4"),
    ]);
    let calls = (0..100).map(|_| client.get(server.uri()).send());
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status().as_u16(), 503);
    }
    // Of 400 further attempts the budget allows 100 in 10 seconds, and one for five calls; some more if that takes longer.
    let attempts = received(&server).await;
    assert!((200..400).contains(&attempts), "{attempts} attempts");
}

static OPEN: AtomicUsize = AtomicUsize::new(0);
static MOST_OPEN: AtomicUsize = AtomicUsize::new(0);

/// Answers late, and counts the connections that are open.
async fn answer_late(mut connection: TcpStream) {
    let open = OPEN.fetch_add(1, SeqCst) + 1;
    MOST_OPEN.fetch_max(open, SeqCst);
    let _ = connection.read(&mut [0; 4096]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let _ = connection.write_all(answer).await;
    OPEN.fetch_sub(1, SeqCst);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_there_are_places() {
    let (address, accepted) = socket_server(answer_late).await;
    let client = client([("HTTP_CLIENT_MAX_CONNECTIONS", "3")]);
    let calls = (0..30).map(|_| client.get(format!("http://{address}/")).send());
    for answer in join_all(calls.map(async |answer| answer.await.map(drop))).await {
        answer.unwrap();
    }
    assert_eq!(accepted.load(SeqCst), 30);
    assert_eq!(MOST_OPEN.load(SeqCst), 3);
}

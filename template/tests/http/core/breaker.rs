//! The circuit breaker of the client for requests to other services, and what the client counts.

#![cfg(feature = "http-client")]

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use app::core::config::Config;
use app::core::deadline::Deadline;
use app::core::http::AppError;
use app::core::http_client::{HttpClient, HttpClientError};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// How long a breaker is open here: longer than a busy machine takes from one request to the next.
const OPEN: Duration = Duration::from_secs(3);

/// Opens when two of four fail.
fn client() -> HttpClient {
    let open = OPEN.as_secs().to_string();
    let settings = [
        ("HTTP_CLIENT_MAX_RETRIES", "0"),
        ("HTTP_CLIENT_BREAKER_MIN_CALLS", "4"),
        ("HTTP_CLIENT_BREAKER_OPEN_SECS", &open),
    ];
    HttpClient::new(Config::for_tests(settings).section()).unwrap()
}

async fn server(answers: impl IntoIterator<Item = (ResponseTemplate, u64)>) -> MockServer {
    let server = MockServer::start().await;
    for (answer, times) in answers {
        Mock::given(matchers::any())
            .respond_with(answer)
            .up_to_n_times(times)
            .mount(&server)
            .await;
    }
    server
}

async fn received(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// The status of an answer, 0 if the breaker lets no request through.
async fn status(client: &HttpClient, server: &MockServer) -> u16 {
    match client.get(server.uri()).send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(HttpClientError::Open { .. }) => 0,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_host_that_fails_too_often_is_left_alone_until_one_request_has_tried_it_out() {
    let (good, bad) = (ResponseTemplate::new(200), ResponseTemplate::new(500));
    let slow = good.clone().set_delay(Duration::from_millis(300));
    let answers = [
        (good.clone(), 2),
        (bad.clone(), 2),
        (bad, 1),
        (slow, 1),
        (good, 99),
    ];
    let server = server(answers).await;
    let healthy = self::server([(ResponseTemplate::new(200), 99)]).await;
    let client = client();
    for expected in [200, 200, 500, 500, 0] {
        assert_eq!(status(&client, &server).await, expected);
    }
    assert_eq!(
        received(&server).await,
        4,
        "while it is open no request is sent"
    );
    assert_eq!(
        status(&client, &healthy).await,
        200,
        "other hosts have their own"
    );

    let error = client.get(server.uri()).send().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::Open { retry_after, .. } if retry_after <= OPEN),
        "{error:?}"
    );
    assert_eq!(AppError::from(error).status().as_u16(), 503);

    tokio::time::sleep(OPEN).await;
    assert_eq!(status(&client, &server).await, 500, "one tries it out");
    assert_eq!(
        status(&client, &server).await,
        0,
        "it failed: it is left alone again"
    );

    tokio::time::sleep(OPEN).await;
    let both = tokio::join!(status(&client, &server), status(&client, &server));
    assert_eq!(both, (200, 0), "only one tries it out");
    for _ in 0..5 {
        assert_eq!(status(&client, &server).await, 200, "it is closed again");
    }
}

#[tokio::test]
async fn a_host_where_nobody_is_counts_as_failing() {
    let client = client();
    for _ in 0..4 {
        let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
        assert!(
            matches!(error, HttpClientError::Unavailable(_)),
            "{error:?}"
        );
    }
    let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Open { .. }), "{error:?}");
}

/// Otherwise one impatient client could take the other service away from all others.
#[tokio::test]
async fn a_deadline_that_left_no_time_does_not_count_as_a_failure() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(500));
    let server = server([(slow, 99)]).await;
    let client = client();
    for _ in 0..8 {
        let request = client.get(server.uri()).send();
        let deadline = Deadline::after(Duration::from_millis(10));
        let error = deadline.scope(request).await.unwrap_err();
        assert!(matches!(error, HttpClientError::Timeout(_)), "{error:?}");
    }
    assert_eq!(status(&client, &server).await, 200);
}

#[tokio::test]
async fn a_request_that_was_given_up_while_it_tried_the_host_out_lets_the_next_one_try() {
    let bad = ResponseTemplate::new(500);
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = server([(bad, 4), (slow, 1), (ResponseTemplate::new(200), 9)]).await;
    let client = client();
    for expected in [500, 500, 500, 500, 0] {
        assert_eq!(status(&client, &server).await, expected);
    }
    tokio::time::sleep(OPEN).await;
    {
        let mut given_up = pin!(status(&client, &server));
        // Not before it has arrived: the next one would get its slow answer.
        while server.received_requests().await.unwrap().len() < 5 {
            let moment = Duration::from_millis(10);
            let answered = tokio::time::timeout(moment, given_up.as_mut()).await;
            answered.unwrap_err();
        }
    }
    assert_eq!(status(&client, &server).await, 200);
}

/// Names with their labels, and their values; of a histogram the number of its values.
fn shown(snapshotter: &Snapshotter, server: &str) -> BTreeMap<String, f64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let show = |(key, _, _, value): (metrics_util::CompositeKey, _, _, _)| {
        let key = key.key();
        let labels = key.labels();
        let labels = labels.map(|label| format!("{}={}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let value = match value {
            DebugValue::Counter(value) => value as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values.len() as f64,
        };
        let name = format!("{}{{{labels}}}", key.name());
        (name.replace(server, "<server>"), value)
    };
    metrics.map(show).collect()
}

#[tokio::test]
async fn requests_are_counted_by_host() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let bad = ResponseTemplate::new(503);
    let server = server([(bad, 2), (ResponseTemplate::new(200), 2)]).await;
    let host = server.address().to_string();
    let client = HttpClient::new(Config::for_tests([("", ""); 0]).section()).unwrap();
    let answer = client.get(server.uri()).send().await.unwrap();
    answer.bytes().await.unwrap();
    let nobody = client.get("http://127.0.0.1:1/").max_retries(0);
    nobody.send().await.unwrap_err();
    let unread = client.get(server.uri()).send().await.unwrap();
    insta::assert_debug_snapshot!(shown(&snapshotter, &host), @r#"
    {
        "http_client_active_requests{server_address=127.0.0.1:1}": 0.0,
        "http_client_active_requests{server_address=<server>}": 1.0,
        "http_client_breaker_state{server_address=127.0.0.1:1}": 0.0,
        "http_client_breaker_state{server_address=<server>}": 0.0,
        "http_client_request_duration_seconds{server_address=127.0.0.1:1,http_request_method=GET,error_type=connection}": 1.0,
        "http_client_request_duration_seconds{server_address=<server>,http_request_method=GET,http_response_status_code=200}": 1.0,
        "http_client_request_duration_seconds{server_address=<server>,http_request_method=GET,http_response_status_code=503}": 2.0,
        "http_client_request_resends_total{server_address=<server>}": 2.0,
    }
    "#);
    drop(unread);
}

#[tokio::test]
async fn a_panic_gives_back_what_a_request_held() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = server([(ResponseTemplate::new(200), 9)]).await;
    let settings = [
        ("HTTP_CLIENT_MAX_CONNECTIONS", "1"),
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1"),
    ];
    let client = HttpClient::new(Config::for_tests(settings).section()).unwrap();
    let answer = client.get(server.uri()).send().await.unwrap();
    let task = tokio::spawn(async move {
        let _unread = answer;
        panic!("on purpose");
    });
    task.await.unwrap_err();
    assert_eq!(status(&client, &server).await, 200, "its place is free");
    let host = server.address().to_string();
    let active = "http_client_active_requests{server_address=<server>}";
    let shown = shown(&snapshotter, &host);
    assert!(shown[active].abs() < f64::EPSILON, "{shown:#?}");
}

#[tokio::test]
async fn an_attempt_is_a_span_without_what_could_be_secret() {
    let mut file = tempfile::tempfile().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(Arc::new(file.try_clone().unwrap()))
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = server([(ResponseTemplate::new(503), 9)]).await;
    let url = format!("{}/quotes/7?token=s3cret", server.uri());
    let answer = client().get(url).send().await.unwrap();
    answer.bytes().await.unwrap();

    let mut lines = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut lines).unwrap();
    assert!(!lines.contains("s3cret"), "{lines}");
    let spans = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut spans = spans.filter(|line: &serde_json::Value| line["span"]["name"] == "http_client");
    let span = spans.next().unwrap()["span"].clone();
    insta::assert_json_snapshot!(span, { "[\"server.address\"]" => "<server>" }, @r#"
    {
      "http.request.method": "GET",
      "http.response.status_code": 503,
      "name": "http_client",
      "otel.kind": "client",
      "otel.name": "GET",
      "otel.status_code": "ERROR",
      "server.address": "<server>",
      "url.path": "/quotes/7"
    }
    "#);
}

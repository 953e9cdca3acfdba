//! What is compressed, and what had better not be.

use std::io::Read;

use axum::http::StatusCode;
use flate2::read::GzDecoder;

use crate::support::{TestApp, TestResponse};

async fn get(app: &TestApp, path: &str, accept_encoding: &'static str) -> TestResponse {
    let request = app.get(path).header("accept-encoding", accept_encoding);
    request.await.expect_status(StatusCode::OK)
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_those_who_accept_that() {
    let app = TestApp::without_database();
    let plain = get(&app, "/problems", "identity").await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding");
    let gzipped = get(&app, "/problems", "br, gzip;q=0.8").await;
    assert_eq!(gzipped.header("content-encoding"), "gzip");
    assert!(gzipped.header("vary").contains("accept-encoding"));
    assert!(gzipped.body.len() * 2 < plain.body.len());
    let mut text = Vec::new();
    GzDecoder::new(&*gzipped.body)
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(text, plain.body);
    for refused in ["gzip;q=0", "br", ""] {
        let response = get(&app, "/problems", refused).await;
        assert_eq!(response.header("content-encoding"), "", "{refused}");
    }
}

#[tokio::test]
async fn what_is_small_is_as_it_was() {
    let app = TestApp::without_database();
    let response = get(&app, "/toys?limit=1", "gzip").await;
    assert_eq!(response.header("content-encoding"), "");
    assert_eq!(response.header("vary"), "");
    let length = response.body.len().to_string();
    assert_eq!(response.header("content-length"), length);
}

/// The tag of a compressed answer would have to be another one, and would no longer name the version in `If-Match`.
#[tokio::test]
async fn what_has_an_etag_is_left_as_it_is() {
    let app = TestApp::without_database();
    let response = get(&app, "/toys/large", "gzip").await;
    assert!(response.body.len() > 4000);
    assert_eq!(response.header("content-encoding"), "");
    assert_eq!(response.header("etag"), "\"7\"");
}

#[tokio::test]
async fn a_stream_is_not_held_up() {
    let app = TestApp::without_database();
    let response = get(&app, "/toys/stream", "gzip").await;
    assert!(response.body.len() > 4000);
    assert_eq!(response.header("content-encoding"), "");
}

//! Compresses answers that are worth it, for clients that ask for it (gzip).
//!
//! Left as they are: those below [`WORTH_BYTES`]; what is compressed already, as pictures are; streams, whose pieces must leave when they are
//! written, unless they say that they may wait ([`Compressible`]); and answers with an `ETag`. A strong one stands for certain bytes (RFC 9110 §8.8.3), so a compressed answer would need
//! another, and `If-Match` with that one would no longer name the version. What has one is a single resource, and small.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use futures::FutureExt;
use pin_project_lite::pin_project;
use tower::{Service, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::Compression;
use tower_http::compression::predicate::SizeAbove;

/// Bytes from which on an answer is compressed: less fits into one packet anyway.
const WORTH_BYTES: u16 = 1024;

/// In an answer's extensions: its size isn't known, but it is long, and nobody waits for each piece of it.
#[derive(Clone, Copy)]
pub(in crate::core::http) struct Compressible;

/// Compresses answers.
#[derive(Clone)]
pub(super) struct Compress<S> {
    inner: S,
}

impl<S> Compress<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request> for Compress<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Compressed<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let accepted = request.headers().get_all(ACCEPT_ENCODING);
        Compressed {
            accepted: accepted.iter().cloned().collect(),
            answer: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The answer, compressed or as it is.
    pub(super) struct Compressed<F> {
        accepted: Vec<HeaderValue>,
        #[pin]
        answer: F,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Compressed<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.answer.poll(context));
        Poll::Ready(Ok(if is_worth_it(&response) {
            compress(response, std::mem::take(this.accepted))
        } else {
            response
        }))
    }
}

fn is_worth_it(response: &Response) -> bool {
    let size = response.body().size_hint().exact();
    let is_long = || response.extensions().get::<Compressible>().is_some();
    size.map_or_else(is_long, |size| size >= WORTH_BYTES.into()) && {
        let headers = response.headers();
        is_text(headers) && !headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(ETAG)
    }
}

/// Whether it is of a kind that gets smaller.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let kind = kind.trim_end();
    kind.starts_with("text/")
        || ["json", "xml", "javascript"]
            .iter()
            .any(|end| kind.ends_with(end))
}

/// Passes the answer through the layer of tower-http, if the client accepts what that one can do. As a layer around everything it would
/// put each body, small ones too, into a box.
fn compress(response: Response, accepted: Vec<HeaderValue>) -> Response {
    let mut request = Request::new(Body::empty());
    for value in accepted {
        request.headers_mut().append(ACCEPT_ENCODING, value);
    }
    let mut response = Some(response);
    let answer =
        service_fn(|_: Request| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
    // The fastest level: what the higher ones save is less than what they cost where each answer is compressed anew.
    let mut compression = Compression::new(answer)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_BYTES));
    match compression.call(request).now_or_never() {
        Some(Ok(response)) => response.map(Body::new),
        // It waits for nothing.
        None => Response::default(),
    }
}

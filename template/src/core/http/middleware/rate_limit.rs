//! How many requests a client may send, told in the fields of draft-ietf-httpapi-ratelimit-headers-10.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use metrics::counter;
use pin_project_lite::pin_project;
use tower::Service;

use super::client::ClientAddress;
use super::quota::{Counted, Quotas};
use crate::core::config::RateLimitConfig;
use crate::core::http::error::{AppError, ProblemCode};

/// How many requests were refused.
const REQUESTS_LIMITED: &str = "http_server_requests_limited_total";

crate::register_metrics! { counter REQUESTS_LIMITED: "Requests answered with 429."; }

/// What is left of the quota (`r`), and the seconds until it is whole again (`t`).
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The quota (`q`), and the seconds in which it is given back (`w`).
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What all requests are counted by.
#[derive(Debug)]
pub(super) struct Limiter {
    quotas: Quotas,
    policy: HeaderValue,
}

impl Limiter {
    /// None if clients are not limited.
    pub(super) fn new(config: &RateLimitConfig) -> Option<Arc<Self>> {
        let window = config.burst.div_ceil(config.per_second);
        let policy = format!("\"client\";q={};w={window}", config.burst);
        config.enabled.then(|| {
            Arc::new(Self {
                quotas: Quotas::new(config.per_second, config.burst),
                policy: value(policy),
            })
        })
    }
}

/// Refuses what is more than a client may send with 429.
#[derive(Clone)]
pub(super) struct RateLimit<S> {
    inner: S,
    limiter: Arc<Limiter>,
}

impl<S> RateLimit<S> {
    pub(super) fn new(inner: S, limiter: Arc<Limiter>) -> Self {
        Self { inner, limiter }
    }
}

impl<S> Service<Request> for RateLimit<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Limited<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let client = request.extensions().get::<ClientAddress>();
        let counted = self.limiter.quotas.count(client.map(|client| client.0));
        let is_refused = counted.refused_for.is_some();
        Limited {
            answer: (!is_refused).then(|| self.inner.call(request)),
            counted,
            policy: self.limiter.policy.clone(),
        }
    }
}

pin_project! {
    /// The answer, with what is left of the client's quota.
    pub(super) struct Limited<F> {
        // None if the request is refused.
        #[pin]
        answer: Option<F>,
        counted: Counted,
        policy: HeaderValue,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Limited<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.answer.as_pin_mut() {
            Some(answer) => {
                let Ok(response) = ready!(answer.poll(context));
                response
            }
            None => refused(this.counted.refused_for.unwrap_or_default()),
        };
        let seconds = this.counted.whole_in.as_millis().div_ceil(1000);
        let left = this.counted.left;
        let headers = response.headers_mut();
        headers.insert(RATELIMIT_POLICY, this.policy.clone());
        headers.insert(RATELIMIT, value(format!("\"client\";r={left};t={seconds}")));
        Poll::Ready(Ok(response))
    }
}

fn refused(wait: Duration) -> Response {
    counter!(REQUESTS_LIMITED).increment(1);
    AppError::new(ProblemCode::RateLimited)
        .with_retry_after(wait)
        .into_response()
}

/// Names and numbers, which a header may always have.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

//! Which pages of other origins may call the service (Fetch standard, "CORS protocol").
//!
//! tower-http's layer makes all headers anew for each request and copies its lists, which takes four times as long as everything here.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use futures::future::Either;
use pin_project_lite::pin_project;
use tower::Service;

use crate::core::config::CorsConfig;

/// What is said to which pages.
pub(super) struct CorsPolicy {
    /// `None`: all may.
    origins: Option<Vec<HeaderValue>>,
    methods: HeaderValue,
    headers: HeaderValue,
    exposed: HeaderValue,
    credentials: bool,
}

impl CorsPolicy {
    /// The policy of these settings; none if no origin may.
    pub(super) fn new(config: &CorsConfig) -> Option<Arc<Self>> {
        if config.allowed_origins.is_empty() {
            return None;
        }
        let all = config.allowed_origins.iter().any(|origin| origin == "*");
        Some(Arc::new(Self {
            origins: (!all).then(|| config.allowed_origins.to_vec()),
            methods: list(config.allowed_methods.iter().map(Method::as_str)),
            headers: list(config.allowed_headers.iter().map(AsRef::as_ref)),
            exposed: list(config.exposed_headers.iter().map(AsRef::as_ref)),
            credentials: config.allow_credentials,
        }))
    }

    /// Whose page may read an answer to this request, in the words of the header.
    fn allows(&self, request: &Request) -> Option<HeaderValue> {
        let Some(origins) = &self.origins else {
            // Whoever keeps the answer may give it to a page, though this request is none's.
            return Some(HeaderValue::from_static("*"));
        };
        let origin = request.headers().get(ORIGIN)?;
        origins.contains(origin).then(|| origin.clone())
    }

    /// What both kinds of answers say.
    fn admit(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) -> bool {
        if self.origins.is_some() {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(origin) = origin else {
            return false;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        true
    }

    fn preflight(&self, request: &Request) -> Response {
        let mut response = Response::default();
        let headers = response.headers_mut();
        if self.admit(self.allows(request), headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        }
        response
    }
}

/// Names, of which each may stand in a header, so all together may.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> HeaderValue {
    let names: Vec<_> = names.collect();
    HeaderValue::try_from(names.join(",")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Answers preflights, and says in other answers which pages may read them. An `OPTIONS` that is no preflight is a request like any other.
#[derive(Clone)]
pub(super) struct Cors<S> {
    inner: S,
    policy: Arc<CorsPolicy>,
}

impl<S> Cors<S> {
    pub(super) fn new(inner: S, policy: Arc<CorsPolicy>) -> Self {
        Self { inner, policy }
    }
}

impl<S> Service<Request> for Cors<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Readable<S::Future>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if is_preflight(&request) {
            return Either::Right(ready(Ok(self.policy.preflight(&request))));
        }
        Either::Left(Readable {
            origin: self.policy.allows(&request),
            answer: self.inner.call(request),
            policy: Arc::clone(&self.policy),
        })
    }
}

pin_project! {
    /// The answer, with the word on who may read it.
    pub(super) struct Readable<F> {
        #[pin]
        answer: F,
        origin: Option<HeaderValue>,
        policy: Arc<CorsPolicy>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Readable<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = task::ready!(this.answer.poll(context));
        let headers = response.headers_mut();
        if this.policy.admit(this.origin.take(), headers) {
            let exposed = this.policy.exposed.clone();
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        Poll::Ready(Ok(response))
    }
}

/// Whether a browser asks on its own what the page may send (Fetch standard, "CORS-preflight request").
pub(super) fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

//! Which pages of other origins may call the service.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use futures::future::Either;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors as AnyCors, CorsLayer};

use crate::core::config::CorsConfig;

/// Answers preflights, and says in other answers which pages may read them.
#[derive(Clone)]
pub(super) struct CorsPolicy(CorsLayer);

impl CorsPolicy {
    /// The policy of these settings; none if no origin may. It panics on `*` where that can't be, which the section has refused.
    pub(super) fn new(config: &CorsConfig) -> Option<Self> {
        if config.allowed_origins.is_empty() {
            return None;
        }
        let origins = if config.allowed_origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(config.allowed_origins.to_vec())
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(config.allowed_methods.to_vec())
            .allow_headers(config.allowed_headers.to_vec())
            .expose_headers(config.exposed_headers.to_vec())
            .allow_credentials(config.allow_credentials);
        Some(Self(layer))
    }
}

impl<S: Clone> Layer<S> for CorsPolicy {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors {
            policy: self.0.layer(inner.clone()),
            inner,
        }
    }
}

/// The layer's own service takes every `OPTIONS` for a preflight; here one that is none goes on like any other request.
#[derive(Clone)]
pub(super) struct Cors<S> {
    policy: AnyCors<S>,
    inner: S,
}

impl<S> Service<Request> for Cors<S>
where
    AnyCors<S>: Service<Request, Response = S::Response, Error = S::Error>,
    S: Service<Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<<AnyCors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self.policy.poll_ready(context) {
            Poll::Ready(Ok(())) => self.inner.poll_ready(context),
            other => other,
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.method() == Method::OPTIONS && !is_preflight(&request) {
            return Either::Right(self.inner.call(request));
        }
        Either::Left(self.policy.call(request))
    }
}

/// Whether a browser asks on its own what the page may send (Fetch standard, "CORS-preflight request").
pub(super) fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

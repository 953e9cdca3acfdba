//! One request, which is sent by `.await`.

use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Builder;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use serde_json::Value;
use tower::ServiceExt;

use super::TestResponse;

/// A request that was not sent yet.
#[must_use = "a request is sent by `.await`"]
pub(crate) struct TestRequest {
    router: Router,
    request: Builder,
    body: Body,
}

impl TestRequest {
    pub(super) fn new(router: Router, method: Method, path: &str) -> Self {
        Self {
            router,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    /// Adds a header.
    pub(crate) fn header<V: TryInto<HeaderValue, Error: Into<axum::http::Error>>>(
        mut self,
        name: impl TryInto<HeaderName, Error: Into<axum::http::Error>>,
        value: V,
    ) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends this as JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// Sends this text, as what it claims to be.
    pub(crate) fn text(mut self, content_type: &'static str, body: impl Into<String>) -> Self {
        self.request = self.request.header(CONTENT_TYPE, content_type);
        self.body = Body::from(body.into());
        self
    }
}

impl IntoFuture for TestRequest {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = self.request.body(self.body).unwrap();
            let Ok(response) = self.router.oneshot(request).await;
            TestResponse::read(response).await
        })
    }
}

//! One request, which is sent by `.await`.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Builder;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use serde_json::Value;
use tower::ServiceExt;

use super::TestResponse;
use super::contract::{self, Asked};

/// A request that was not sent yet.
#[must_use = "a request is sent by `.await`"]
pub(crate) struct TestRequest {
    router: Router,
    document: Arc<Value>,
    method: Method,
    path: String,
    request: Builder,
    body: Option<String>,
}

impl TestRequest {
    /// A request to this router, which answers as this document says.
    pub(super) fn new(router: Router, document: Arc<Value>, method: Method, path: &str) -> Self {
        Self {
            router,
            document,
            request: Request::builder().method(method.clone()).uri(path),
            method,
            path: path.to_owned(),
            body: None,
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

    /// Comes from this address.
    pub(crate) fn from(mut self, peer: &str) -> Self {
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    /// Sends this as JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// Sends this text, as what it claims to be.
    pub(crate) fn text(mut self, content_type: &'static str, body: impl Into<String>) -> Self {
        self.request = self.request.header(CONTENT_TYPE, content_type);
        self.body = Some(body.into());
        self
    }
}

impl IntoFuture for TestRequest {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let body = self.body.clone().map_or_else(Body::empty, Body::from);
            let request = self.request.body(body).unwrap();
            let Ok(response) = self.router.oneshot(request).await;
            let response = TestResponse::read(response).await;
            let asked = Asked {
                method: &self.method,
                path: &self.path,
                body: self.body.as_deref(),
            };
            contract::hold(&self.document, &asked, &response);
            response
        })
    }
}

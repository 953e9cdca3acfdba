//! The span of a request in a trace, with the names of `OpenTelemetry`'s semantic conventions.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Version};
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::meter::method_label;
use crate::core::telemetry::context::TraceContext;
use crate::core::telemetry::{PATH_BYTES, cut};

/// The span of this request, a child of the caller's if that one says which it is; disabled if nobody listens to traces.
pub(super) fn of(
    request: &Request,
    route: Option<&MatchedPath>,
    caller: Option<&TraceContext>,
) -> Span {
    let method = request.method();
    let route = route.map(MatchedPath::as_str);
    // No query: it may hold what is nobody's business. What is not evaluated here costs nothing while nobody listens.
    let span = info_span!(
        "request",
        otel.name = name(method, route),
        otel.kind = "server",
        http.request.method = method_label(method),
        http.route = route,
        url.path = cut(request.uri().path(), PATH_BYTES),
        url.scheme = "http",
        network.protocol.version = version(request.version()),
        http.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    );
    if let Some(caller) = caller {
        caller.adopt(&span);
    }
    span
}

/// Tells the span how the request ended. What a client did wrong is no error of the service.
pub(super) fn end(span: &Span, status: u16) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("error.type", status.to_string());
        span.record("otel.status_code", "ERROR");
    }
}

/// `GET /api/v1/products/{id}`: what is the same for all requests of one kind.
fn name(method: &Method, route: Option<&str>) -> String {
    let method = match method_label(method) {
        "_OTHER" => "HTTP",
        known => known,
    };
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

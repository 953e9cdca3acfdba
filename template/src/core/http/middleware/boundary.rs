//! Where a request enters and its answer leaves: what every one of them has, whatever answered it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tower::Service;
use tracing::{Instrument, debug, error, error_span, info};

use crate::core::http::error::Failure;
use crate::core::http::respond::NewId;
use crate::core::request_id::RequestId;

/// The header with the request's id, inbound, in the answer, and in requests to other services.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who calls: what is worth a log line differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Clients: every request is logged.
    Clients,
    /// Probes, every few seconds: logged in full only at `debug`, and when something is wrong.
    Probes,
}

/// Gives every request an id and a span, and every answer the id, security headers, the body of an error, and one line in the log.
#[derive(Clone)]
pub(super) struct Boundary<S> {
    inner: S,
    traffic: Traffic,
    reveal_causes: bool,
}

impl<S> Boundary<S> {
    pub(super) fn new(inner: S, traffic: Traffic, reveal_causes: bool) -> Self {
        Self {
            inner,
            traffic,
            reveal_causes,
        }
    }
}

impl<S> Service<Request> for Boundary<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let start = Instant::now();
        let id = request_id(&request);
        let method = request.method().clone();
        let uri = request.uri().clone();
        let matched = request.extensions().get::<MatchedPath>().cloned();
        // At `error`, so that the id is in the lines of every level.
        let span = error_span!("request", request_id = id.as_str());
        let answer = span.in_scope(|| self.inner.call(request));
        let (traffic, reveal_causes) = (self.traffic, self.reveal_causes);

        let work = async move {
            let Ok(mut response) = answer.await;
            let id = RequestId::current().unwrap_or_else(RequestId::generate);
            if let Some(new) = response.extensions_mut().remove::<NewId>() {
                new.locate(uri.path(), &mut response);
            }
            let failure = response.extensions_mut().remove::<Failure>();
            let failure = failure.or_else(|| Failure::of_foreign(&response));
            if let Some(failure) = &failure {
                failure.write(&mut response, &id, reveal_causes);
            }
            let headers = response.headers_mut();
            // Request ids are made of characters that a header may have.
            if let Ok(id) = HeaderValue::from_str(id.as_str()) {
                headers.insert(X_REQUEST_ID, id);
            }
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

            let line = Line {
                method: &method,
                // A path that no route has is not logged: it is the client's to choose, and could be anything.
                route: matched.as_ref().map_or("(no route)", MatchedPath::as_str),
                status: response.status(),
                start,
                failure: failure.as_ref(),
            };
            line.log(traffic);
            Ok(response)
        };
        Box::pin(id.scope(work).instrument(span))
    }
}

fn request_id(request: &Request) -> RequestId {
    let sent = request.headers().get(X_REQUEST_ID);
    sent.and_then(|id| RequestId::from_client(id.to_str().ok()?))
        .unwrap_or_else(RequestId::generate)
}

/// The one line a request has in the log.
struct Line<'r> {
    method: &'r Method,
    route: &'r str,
    status: StatusCode,
    start: Instant,
    failure: Option<&'r Failure>,
}

impl Line<'_> {
    /// A failure of the service is an error; what a client did wrong is not.
    fn log(&self, traffic: Traffic) {
        let Self { method, route, .. } = *self;
        let status = self.status.as_u16();
        macro_rules! line {
            ($level:ident, $($failure:tt)*) => {
                $level!(
                    method = method.as_str(),
                    route,
                    status,
                    duration_ms = self.duration_ms(),
                    $($failure)*
                    "{method} {route} {status}"
                )
            };
        }
        match self.failure {
            Some(failure) if self.status.is_server_error() => {
                let code = failure.error().code().as_str();
                let cause = failure.causes();
                let cause = cause.as_deref();
                line!(error, code, detail = failure.detail(), error = cause,);
            }
            Some(failure) => line!(info, code = failure.error().code().as_str(),),
            None if traffic == Traffic::Probes => line!(debug,),
            None => line!(info,),
        }
    }

    /// In milliseconds, to the microsecond; more than an hour counts as one.
    fn duration_ms(&self) -> f64 {
        let micros = u32::try_from(self.start.elapsed().as_micros());
        f64::from(micros.unwrap_or(u32::MAX)) / 1000.0
    }
}

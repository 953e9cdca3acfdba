//! Where a request enters and its answer leaves: what every one of them has, whatever answered it.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::Response;
use tower::Service;
use tracing::{Instrument, Span, debug, error, error_span, info};

use super::client::ClientAddress;
use super::cors::is_preflight;
use super::meter::{Active, Meter, NO_ROUTE};
use super::{security, server_timing, span};
use crate::core::config::AppEnv;
use crate::core::http::error::Failure;
use crate::core::http::respond::NewId;
use crate::core::request_id::RequestId;
use crate::core::telemetry::context::TraceContext;
use crate::core::telemetry::metrics::method_label;
use crate::core::telemetry::panics::Panic;
use crate::core::telemetry::{LOG_ONLY, cut, milliseconds};
use crate::core::time_spent::TimeSpent;

/// The header with the request's id, inbound, in the answer, and in requests to other services.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who calls: what is worth a log line differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Clients: every request is logged and measured.
    Clients,
    /// Probes and scrapes, every few seconds: not measured, and logged in full only at `debug`, and when something is wrong.
    Probes,
}

/// Gives every request an id, a span, one line in the log and its place in the metrics, and every answer the id, security headers and the body of an error.
#[derive(Clone)]
pub(super) struct Boundary<S> {
    inner: S,
    traffic: Traffic,
    env: AppEnv,
    meter: Meter,
}

impl<S> Boundary<S> {
    pub(super) fn new(inner: S, traffic: Traffic, env: AppEnv) -> Self {
        Self {
            inner,
            traffic,
            env,
            meter: Meter::default(),
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
        let caller = TraceContext::of(request.headers());
        let trace = trace_span(&request, self.traffic, caller.as_ref());
        let spent = TimeSpent::default();
        let line = Line::begin(
            &request,
            self.traffic,
            self.meter.clone(),
            trace.clone(),
            spent.clone(),
        );
        let id = request_id(&request);
        let uri = request.uri().clone();
        let (span, answer) = trace.in_scope(|| {
            let span = log_span(&id, caller.as_ref());
            let answer = span.in_scope(|| self.inner.call(request));
            (span, answer)
        });
        let env = self.env;

        let work = async move {
            let Ok(mut response) = answer.await;
            let id = RequestId::current().unwrap_or_else(RequestId::generate);
            if let Some(new) = response.extensions_mut().remove::<NewId>() {
                new.locate(uri.path(), &mut response);
            }
            let failure = response.extensions_mut().remove::<Failure>();
            let failure = failure.or_else(|| Failure::of_foreign(&response));
            if let Some(failure) = &failure {
                failure.write(&mut response, &id, env.reveals_causes());
            }
            let headers = response.headers_mut();
            headers.insert(X_REQUEST_ID, id.header());
            security::add(
                headers,
                failure.is_some() || line.traffic == Traffic::Probes,
            );
            if line.traffic == Traffic::Clients && env.shows_timing() {
                server_timing::add(headers, &line.spent);
            }

            line.end(response.status(), failure.as_ref());
            Ok(response)
        };
        let work = spent
            .scope(id.scope(work.instrument(span)))
            .instrument(trace);
        match caller {
            Some(caller) => Box::pin(caller.scope(work)),
            None => Box::pin(work),
        }
    }
}

/// What the request is in a trace. Probes are in none.
fn trace_span(request: &Request, traffic: Traffic, caller: Option<&TraceContext>) -> Span {
    match traffic {
        Traffic::Clients => span::of(request, request.extensions().get(), caller),
        Traffic::Probes => Span::none(),
    }
}

/// What the log lines of a request have in common, where spans give them that. At `error`, so that it is in the lines of every level.
fn log_span(id: &RequestId, caller: Option<&TraceContext>) -> Span {
    error_span!(
        target: LOG_ONLY,
        "request",
        request_id = id.as_str(),
        trace_id = TraceContext::current().as_ref().or(caller).map(TraceContext::trace_id),
    )
}

fn request_id(request: &Request) -> RequestId {
    let sent = request.headers().get(X_REQUEST_ID);
    sent.and_then(RequestId::from_client)
        .unwrap_or_else(RequestId::generate)
}

/// The one line a request has in the log, and what metrics and traces say of its end. Dropped before the answer is there, since the client left or
/// the service ends, it says so: a service that clients give up on would look idle otherwise.
struct Line {
    method: Method,
    matched: Option<MatchedPath>,
    client: Option<ClientAddress>,
    start: Instant,
    traffic: Traffic,
    is_preflight: bool,
    meter: Meter,
    _active: Option<Active>,
    trace: Span,
    spent: TimeSpent,
    written: bool,
}

/// How a request ended.
enum End<'f> {
    Answered(StatusCode, Option<&'f Failure>),
    Cancelled,
}

/// The most of a method that a line shows. Those that are registered have 17 at most.
const METHOD_BYTES: usize = 32;

/// What stands for the status of a request that was cancelled. It is never sent; proxies log it, too.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Line {
    fn begin(
        request: &Request,
        traffic: Traffic,
        meter: Meter,
        trace: Span,
        spent: TimeSpent,
    ) -> Self {
        Self {
            method: request.method().clone(),
            matched: request.extensions().get::<MatchedPath>().cloned(),
            client: request.extensions().get().copied(),
            start: Instant::now(),
            traffic,
            is_preflight: is_preflight(request),
            meter,
            _active: (traffic == Traffic::Clients)
                .then(|| Active::begin(method_label(request.method()))),
            trace,
            spent,
            written: false,
        }
    }

    fn end(mut self, status: StatusCode, failure: Option<&Failure>) {
        self.written = true;
        self.write(&End::Answered(status, failure));
    }

    /// A failure of the service is an error; what a client did wrong is not.
    fn write(&self, end: &End<'_>) {
        let method = &self.method;
        // A client may invent one as long as a head may be.
        let name = cut(method.as_str(), METHOD_BYTES);
        let matched = self.matched.as_ref();
        let route = matched.map_or(NO_ROUTE, MatchedPath::as_str);
        let status = match end {
            End::Answered(status, _) => status.as_u16(),
            End::Cancelled => CLIENT_CLOSED_REQUEST,
        };
        let duration = self.start.elapsed();
        let in_database = self.spent.in_database();
        let db_ms = (!in_database.is_zero()).then(|| milliseconds(in_database));
        // Probes would hide how clients fare: while the service isn't ready they fail, and otherwise they are the fastest.
        if self.traffic == Traffic::Clients {
            let meter = &self.meter;
            meter.record(method_label(method), matched, status, duration);
        }
        span::end(&self.trace, status);
        macro_rules! line {
            ($level:ident, $($failure:tt)*) => {
                $level!(
                    method = name,
                    route,
                    status,
                    duration_ms = milliseconds(duration),
                    db_ms,
                    client = self.client.map(|client| display(client.0)),
                    $($failure)*
                    "{name} {route} {status}"
                )
            };
        }
        match end {
            End::Answered(_, Some(failure)) if failure.error().is_expected() => {
                line!(debug, code = failure.error().code().as_str(),);
            }
            End::Answered(status, Some(failure)) if status.is_server_error() => {
                let code = failure.error().code().as_str();
                let cause = failure.causes();
                let cause = cause.as_deref();
                // A panic has no other line: it says where it was in this one.
                let panic = failure.error().source();
                let panic = panic.and_then(|source| source.downcast_ref::<Panic>());
                line!(
                    error,
                    code,
                    detail = failure.detail(),
                    error = cause,
                    location = panic.and_then(Panic::location),
                    backtrace = panic.and_then(Panic::backtrace),
                );
            }
            End::Answered(_, Some(failure)) => {
                line!(info, code = failure.error().code().as_str(),);
            }
            End::Answered(status, None) if status.is_server_error() => line!(error,),
            // Nobody sends a preflight on purpose, and no limit counts them.
            End::Answered(_, None) if self.traffic == Traffic::Probes || self.is_preflight => {
                line!(debug,);
            }
            End::Answered(_, None) => line!(info,),
            End::Cancelled => line!(info, code = "cancelled",),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            self.write(&End::Cancelled);
        }
    }
}

//! One attempt of a request: what is measured of it, and what its end says about the upstream.

use std::sync::Arc;

use ::metrics::Gauge;
use reqwest::{Method, Request, StatusCode};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::breaker::Permit;
use super::error::HttpClientError;
use super::metrics::{self, Ended};
use super::upstream::Upstream;
use crate::core::telemetry::{PATH_BYTES, cut};

/// From the moment it is let through until its answer was read or dropped.
#[derive(Debug)]
pub(super) struct Attempt {
    upstream: Arc<Upstream>,
    permit: Option<Permit>,
    method: Method,
    start: Instant,
    active: Gauge,
    span: Span,
    status: Option<StatusCode>,
    error: Option<&'static str>,
    /// Whether what went wrong says something about the upstream.
    counts: bool,
}

impl Attempt {
    /// Begins one; `resends` is how many were made before it.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Open`] if the breaker lets no request through.
    pub(super) fn begin(
        upstream: &Arc<Upstream>,
        request: &Request,
        resends: u32,
    ) -> Result<Self, HttpClientError> {
        let permit = upstream
            .admit()
            .map_err(|retry_after| HttpClientError::Open {
                host: upstream.name.to_string(),
                retry_after,
            })?;
        let span = info_span!(
            "http_client",
            otel.name = request.method().as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = request.method().as_str(),
            http.request.resend_count = (resends > 0).then_some(resends),
            http.response.status_code = Empty,
            server.address = &*upstream.name,
            // not the query, which may hold secrets
            url.path = cut(request.url().path(), PATH_BYTES),
            "error.type" = Empty,
        );
        let active = metrics::active_requests(&upstream.name);
        active.increment(1.0);
        if resends == 0 {
            upstream.deposit();
        } else {
            metrics::resends(&upstream.name).increment(1);
        }
        Ok(Self {
            upstream: Arc::clone(upstream),
            permit,
            method: request.method().clone(),
            start: Instant::now(),
            active,
            span,
            status: None,
            error: None,
            counts: true,
        })
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// It has a place among the connections and is sent: from now on the time counts.
    pub(super) fn sent(&mut self) {
        self.start = Instant::now();
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.span
            .record("http.response.status_code", status.as_u16());
    }

    /// It went wrong. It `counts` unless the cause is ours, such as a deadline that left it no time.
    pub(super) fn failed(&mut self, error: &HttpClientError, counts: bool) {
        self.error = Some(error.kind());
        self.counts = counts;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.active.decrement(1.0);
        let ended = match (self.error, self.status) {
            (Some(kind), _) => Ended::Error(kind),
            (None, Some(status)) => Ended::Status(status.as_u16()),
            (None, None) => Ended::Error("cancelled"),
        };
        let seconds = self.start.elapsed().as_secs_f64();
        metrics::duration(&self.upstream.name, &self.method, &ended, seconds);
        let failed = match (self.error, self.status) {
            (Some(_), _) => self.counts.then_some(true),
            (None, Some(status)) => Some(status.is_server_error()),
            // Whoever gives up before the answer says nothing about the upstream: a client could open the breaker for all others.
            (None, None) => None,
        };
        if let Ended::Error(kind) = ended {
            self.span.record("error.type", kind);
        }
        if self.error.is_some() || failed == Some(true) {
            self.span.record("otel.status_code", "ERROR");
        }
        if let (Some(permit), Some(failed)) = (self.permit.take(), failed) {
            self.upstream.end(permit, failed);
        }
    }
}

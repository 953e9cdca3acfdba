//! What the client counts, by upstream: names and labels are those of OpenTelemetry, in Prometheus' spelling.

use ::metrics::{Counter, Gauge, counter, gauge, histogram};
use reqwest::Method;

use crate::core::telemetry::metrics::method_label;

/// Seconds that a request took, until its answer was read or given up. Every attempt counts.
const REQUEST_DURATION: &str = "http_client_request_duration_seconds";
/// Requests under way.
const ACTIVE_REQUESTS: &str = "http_client_active_requests";
/// Attempts after the first.
const RESENDS: &str = "http_client_request_resends_total";
/// 0 closed, 1 half-open, 2 open.
const BREAKER_STATE: &str = "http_client_breaker_state";

crate::register_metrics! {
    histogram REQUEST_DURATION: "Time until the answer of another service was read or given up; every attempt counts.", labels ["server_address", "http_request_method", "http_response_status_code", "error_type"];
    gauge ACTIVE_REQUESTS: "Requests to other services under way.", labels ["server_address"];
    counter RESENDS: "Attempts after the first.", labels ["server_address"];
    gauge BREAKER_STATE: "State of the circuit breaker: 0 closed, 1 half-open, 2 open.", labels ["server_address"];
}

/// How a request ended.
pub(super) enum Ended {
    /// With an answer.
    Status(u16),
    /// Without one, or with one that broke off; the kind of error.
    Error(&'static str),
}

pub(super) fn duration(upstream: &str, method: &Method, ended: &Ended, seconds: f64) {
    let upstream = upstream.to_owned();
    let method = method_label(method);
    let record = match ended {
        Ended::Status(status) => histogram!(
            REQUEST_DURATION,
            "server_address" => upstream,
            "http_request_method" => method,
            "http_response_status_code" => status.to_string(),
        ),
        Ended::Error(kind) => histogram!(
            REQUEST_DURATION,
            "server_address" => upstream,
            "http_request_method" => method,
            "error_type" => *kind,
        ),
    };
    record.record(seconds);
}

pub(super) fn active_requests(upstream: &str) -> Gauge {
    gauge!(ACTIVE_REQUESTS, "server_address" => upstream.to_owned())
}

pub(super) fn resends(upstream: &str) -> Counter {
    counter!(RESENDS, "server_address" => upstream.to_owned())
}

pub(super) fn breaker_state(upstream: &str) -> Gauge {
    gauge!(BREAKER_STATE, "server_address" => upstream.to_owned())
}

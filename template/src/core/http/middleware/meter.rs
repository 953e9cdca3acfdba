//! How long requests take, and how many are under way.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::MatchedPath;
use metrics::{Gauge, Histogram, gauge, histogram};

use crate::core::telemetry::metrics::{METHODS, OTHER_METHOD, is_installed};

const DURATION: &str = "http_server_request_duration_seconds";
const ACTIVE: &str = "http_server_active_requests";

crate::register_metrics! {
    histogram DURATION: "Time until the head of the answer was ready. Status 499: the client left before that.", labels ["http_route", "http_request_method", "http_response_status_code"];
    gauge ACTIVE: "Requests under way.", labels ["http_request_method"];
}

/// What stands for the route where there is none: a path is the client's to choose, and could be anything.
pub(super) const NO_ROUTE: &str = "(no route)";

/// Measures the requests of one place in the router, of which there is one for each route and method. It keeps the handles of what it
/// has seen: to look one up by its labels takes ten times as long as to use it.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<RwLock<Vec<Series>>>);

struct Series {
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
    durations: Histogram,
}

impl Meter {
    /// Tells how long a request took.
    pub(super) fn record(
        &self,
        method: &'static str,
        route: Option<&MatchedPath>,
        status: u16,
        duration: Duration,
    ) {
        if !is_installed() {
            return;
        }
        let text = route.map(MatchedPath::as_str);
        let is_it = |series: &&Series| {
            series.status == status
                && series.method == method
                && series.route.as_ref().map(MatchedPath::as_str) == text
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.iter().find(is_it) {
            series.durations.record(duration);
            return;
        }
        drop(known);
        let labels = [
            ("http_route", text.unwrap_or(NO_ROUTE).to_owned()),
            ("http_request_method", method.to_owned()),
            ("http_response_status_code", status.to_string()),
        ];
        let durations = histogram!(DURATION, &labels);
        durations.record(duration);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have been faster.
        if !known.iter().any(|series| is_it(&series)) {
            known.push(Series {
                method,
                route: route.cloned(),
                status,
                durations,
            });
        }
    }
}

/// One more request under way, until this is dropped.
pub(super) struct Active(Option<&'static Gauge>);

impl Active {
    pub(super) fn begin(method: &'static str) -> Self {
        static GAUGES: LazyLock<Vec<(&str, Gauge)>> = LazyLock::new(|| {
            let methods = METHODS.into_iter().chain([OTHER_METHOD]);
            let gauge = |method| (method, gauge!(ACTIVE, "http_request_method" => method));
            methods.map(gauge).collect()
        });
        if !is_installed() {
            return Self(None);
        }
        let gauge = GAUGES.iter().find(|(known, _)| *known == method);
        let gauge = gauge.map(|(_, gauge)| gauge);
        if let Some(gauge) = gauge {
            gauge.increment(1);
        }
        Self(gauge)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if let Some(gauge) = self.0 {
            gauge.decrement(1);
        }
    }
}

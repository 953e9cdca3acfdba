//! Where the time went, for whoever looks at a request: browsers show the header beside it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::core::telemetry::milliseconds;
use crate::core::time_spent::TimeSpent;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// `db` is the time of its statements, `queue` that of waiting for a connection, both until the answer's head.
pub(super) fn add(headers: &mut HeaderMap, spent: &TimeSpent) {
    let db = milliseconds(spent.in_database());
    let queue = milliseconds(spent.waiting());
    if let Ok(value) = HeaderValue::from_str(&format!("db;dur={db}, queue;dur={queue}")) {
        headers.insert(SERVER_TIMING, value);
    }
}

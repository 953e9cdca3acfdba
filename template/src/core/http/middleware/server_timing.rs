//! Where the time went, for whoever looks at a request: browsers show the header beside it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::core::telemetry::milliseconds;
use crate::core::time_spent::TimeSpent;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What is said of a request that asked the database nothing.
const NONE: HeaderValue = HeaderValue::from_static("db;dur=0, queue;dur=0");

/// `db` is the time of its statements, `queue` that of waiting for a connection, both until the answer's head.
pub(super) fn add(headers: &mut HeaderMap, spent: &TimeSpent) {
    let (db, queue) = (spent.in_database(), spent.waiting());
    if db.is_zero() && queue.is_zero() {
        headers.insert(SERVER_TIMING, NONE);
        return;
    }
    let (db, queue) = (milliseconds(db), milliseconds(queue));
    if let Ok(value) = HeaderValue::from_str(&format!("db;dur={db}, queue;dur={queue}")) {
        headers.insert(SERVER_TIMING, value);
    }
}

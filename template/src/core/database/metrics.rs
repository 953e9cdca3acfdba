//! What the pool counts and measures. Names and labels are those of OpenTelemetry, in Prometheus' spelling.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, gauge, histogram};

use super::pool::Database;
use crate::core::time_spent::TimeSpent;

/// Connections that are open, by state: `idle` or `used`.
const CONNECTIONS: &str = "db_client_connections";
/// Connections that were held longer than `DATABASE_LONG_HOLD_SECS`, and still are.
const LONG_HELD: &str = "db_client_connection_long_held";
/// Connections that the pool may hold.
const MAX: &str = "db_client_connection_max";
/// Callers that wait for a connection.
const PENDING: &str = "db_client_connection_pending_requests";
/// Callers that got none in time.
const TIMEOUTS: &str = "db_client_connection_timeouts_total";
/// How long callers waited for a connection.
const WAIT_TIME: &str = "db_client_connection_wait_time_seconds";
/// How long they kept it.
const USE_TIME: &str = "db_client_connection_use_time_seconds";
/// How long it took to open one.
const CREATE_TIME: &str = "db_client_connection_create_time_seconds";
/// How long statements took.
const OPERATION_DURATION: &str = "db_client_operation_duration_seconds";

crate::register_metrics! {
    gauge CONNECTIONS: "Open connections.", labels ["state"];
    gauge LONG_HELD: "Connections that a transaction or a stream has held for longer than `DATABASE_LONG_HOLD_SECS`.";
    gauge MAX: "Connections that the pool may hold.";
    gauge PENDING: "Callers that wait for a connection.";
    counter TIMEOUTS: "Callers that got no connection in time.";
    histogram WAIT_TIME: "Time that callers waited for a connection.";
    histogram USE_TIME: "Time that callers kept a connection.";
    histogram CREATE_TIME: "Time it took to open a connection.";
    histogram OPERATION_DURATION: "Time that statements took.", labels ["db_operation_name"];
}

/// The target of spans, which are for traces: a connection is waited for, runs statements and is given back.
pub(super) const SPANS: &str = "app::sql";

/// The first words of statements, which tell them apart in metrics and traces. Any other is [`OTHER`].
const OPERATIONS: [&str; 9] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "WITH",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
];

const OTHER: &str = "OTHER";

/// Found once, when the pool is made: looking one up for each statement would cost more than counting.
pub(super) struct Instruments {
    wait_time: Histogram,
    pub(super) use_time: Histogram,
    pub(super) create_time: Histogram,
    timeouts: Counter,
    operations: [Histogram; OPERATIONS.len()],
    other: Histogram,
}

impl Instruments {
    pub(super) fn new() -> Self {
        let operation = |name| histogram!(OPERATION_DURATION, "db_operation_name" => name);
        Self {
            wait_time: histogram!(WAIT_TIME),
            use_time: histogram!(USE_TIME),
            create_time: histogram!(CREATE_TIME),
            timeouts: counter!(TIMEOUTS),
            operations: OPERATIONS.map(operation),
            other: operation(OTHER),
        }
    }

    /// Somebody waited for a connection.
    pub(super) fn waited(&self, time: Duration, timed_out: bool) {
        self.wait_time.record(time);
        TimeSpent::add_wait(time);
        if timed_out {
            self.timeouts.increment(1);
        }
    }

    /// A statement has ended.
    pub(super) fn ran(&self, operation: Operation, time: Duration) {
        let histogram = match operation.0 {
            Some(index) => &self.operations[index],
            None => &self.other,
        };
        histogram.record(time);
    }
}

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation(Option<usize>);

impl Operation {
    /// By the first word.
    pub(super) fn of(sql: &str) -> Self {
        let sql = sql.trim_start();
        let end = sql.find(|c: char| !c.is_ascii_alphabetic());
        let word = &sql[..end.unwrap_or(sql.len())];
        let mut known = OPERATIONS.iter();
        Self(known.position(|known| known.eq_ignore_ascii_case(word)))
    }

    pub(super) fn name(self) -> &'static str {
        self.0.map_or(OTHER, |index| OPERATIONS[index])
    }
}

impl Database {
    /// Sets the gauges that say how full the pool is: for whoever collects metrics, at each collection.
    #[expect(clippy::cast_precision_loss, reason = "a pool is smaller than 2^52")]
    pub fn set_gauges(&self) {
        let status = self.status();
        gauge!(CONNECTIONS, "state" => "idle").set(status.idle as f64);
        gauge!(CONNECTIONS, "state" => "used").set(status.in_use() as f64);
        gauge!(LONG_HELD).set(self.long_held() as f64);
        gauge!(MAX).set(status.max_size as f64);
        gauge!(PENDING).set(status.waiting as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart_by_their_first_word() {
        for (sql, name) in [
            ("SELECT 1", "SELECT"),
            (" \n insert into toys", "INSERT"),
            ("COMMIT", "COMMIT"),
            ("ROLLBACK TO SAVEPOINT s2", "ROLLBACK"),
            ("SELECTED", "OTHER"),
            ("-- a comment\nSELECT 1", "OTHER"),
            ("", "OTHER"),
        ] {
            assert_eq!(Operation::of(sql).name(), name, "{sql}");
        }
    }
}

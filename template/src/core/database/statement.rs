//! A statement under way, and what its end says about the connection.

use std::{
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use sea_orm::{
    ExecResult, QueryResult, Statement, Values,
    sqlx::{
        self, AssertSqlSafe,
        error::DatabaseError,
        postgres::{PgDatabaseError, PgSeverity},
    },
};
use sea_query_sqlx::SqlxValues;
use tracing::Span;

use super::{
    manager::Shared,
    metrics::{Operation, SPANS},
};
use crate::core::telemetry::cut;
use crate::core::time_spent::TimeSpent;

/// The most of a statement's text that its span keeps, in bytes: a list of values makes it as long as it likes.
const SPAN_BYTES: usize = 4096;

/// A statement under way: what is to be told of it at its end.
pub(super) struct Running {
    sql: Arc<String>,
    operation: Operation,
    started: Instant,
    /// How long the first row took, if rows are read one by one: what comes after depends on who reads them.
    first_row: Option<Duration>,
    /// Rows that were read one by one.
    rows: u64,
    span: Span,
}

/// How many rows a statement returned or changed.
pub(super) trait Rows {
    /// `None` if it doesn't know.
    fn rows(&self) -> Option<u64>;
}

impl Rows for ExecResult {
    fn rows(&self) -> Option<u64> {
        Some(self.rows_affected())
    }
}

impl Rows for Option<QueryResult> {
    fn rows(&self) -> Option<u64> {
        Some(self.iter().len() as u64)
    }
}

impl Rows for Vec<QueryResult> {
    fn rows(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}

/// Of a stream, which counted them.
impl Rows for () {
    fn rows(&self) -> Option<u64> {
        None
    }
}

/// What an error says about the connection it came from.
pub(super) enum Verdict {
    /// The connection is as good as before.
    Unharmed,
    /// The connection goes on, but the transaction it is in can't be committed any more.
    TransactionAborted,
    /// What the connection will do next is unknown.
    Broken,
}

impl Running {
    pub(super) fn new(statement: Statement, system: &'static str) -> (Self, SqlxValues) {
        let values = statement.values.unwrap_or(Values(Vec::new()));
        (Self::text(statement.sql, system), SqlxValues(values))
    }

    /// `system` is what OpenTelemetry calls the database.
    pub(super) fn text(sql: impl Into<String>, system: &'static str) -> Self {
        let sql = sql.into();
        let operation = Operation::of(&sql);
        // for traces; nobody enters it, so log lines don't carry the text
        let span = tracing::debug_span!(
            target: SPANS,
            "statement",
            otel.name = operation.name(),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            db.system.name = system,
            db.operation.name = operation.name(),
            db.query.text = cut(&sql, SPAN_BYTES),
            error.type = tracing::field::Empty,
        );
        Self {
            sql: Arc::new(sql),
            operation,
            started: Instant::now(),
            first_row: None,
            rows: 0,
            span,
        }
    }

    /// A row has come.
    pub(super) fn row(&mut self) {
        self.first_row.get_or_insert_with(|| self.started.elapsed());
        self.rows += 1;
    }

    /// The text for sqlx. Shared, not copied; what is in it is SeaORM's or the owner's, and values are always bound.
    pub(super) fn sql(&self) -> AssertSqlSafe<Arc<String>> {
        AssertSqlSafe(Arc::clone(&self.sql))
    }

    /// Measures it, logs it if it was slow (the text, never the values), and says in its span whether it failed.
    pub(super) fn ended<T: Rows>(&self, outcome: &Result<T, sqlx::Error>, shared: &Shared) {
        let elapsed = self.started.elapsed();
        shared.instruments.ran(self.operation, elapsed);
        let own = self.first_row.unwrap_or(elapsed);
        TimeSpent::add_statement(own);
        if own >= shared.slow_statement {
            let rows = outcome.as_ref().ok();
            let rows = rows.map(|rows| rows.rows().unwrap_or(self.rows));
            tracing::warn!(
                db.statement = self.sql.as_str(),
                elapsed_ms = millis(own),
                rows,
                "slow statement"
            );
        }
        if let Err(error) = outcome
            && !self.span.is_disabled()
        {
            let code = error.as_database_error().and_then(DatabaseError::code);
            self.span.record("otel.status_code", "ERROR");
            self.span
                .record("error.type", code.as_deref().unwrap_or("connection"));
        }
    }
}

/// Only the server's own ordinary errors leave a connection good. Everything else (a lost socket, a message out of place, an
/// error of severity FATAL, which the server sends as it hangs up) does not.
pub(super) fn verdict(error: &sqlx::Error, depth: usize) -> Verdict {
    match error {
        // found out before anything was sent
        sqlx::Error::Encode(_) => Verdict::Unharmed,
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                return match (error.severity(), error.code()) {
                    // "cached plan must not change result type": only a new connection helps
                    (_, "0A000") => Verdict::Broken,
                    // "prepared statement does not exist", "prepared statement already exists": likewise
                    (_, "26000" | "42P05") => {
                        suspect_a_pooler(error.message());
                        Verdict::Broken
                    }
                    (PgSeverity::Error, _) if depth > 0 => Verdict::TransactionAborted,
                    (PgSeverity::Error, _) => Verdict::Unharmed,
                    _ => Verdict::Broken,
                };
            }
            #[cfg(feature = "sqlite")]
            if super::sqlite::leaves_connection_good(&**error, depth) {
                return Verdict::Unharmed;
            }
            Verdict::Broken
        }
        _ => Verdict::Broken,
    }
}

/// A server of our own has what we prepared on it, unless raw SQL threw it away.
fn suspect_a_pooler(reason: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            reason,
            "the server is not the one that a statement was prepared on: if a pooler in transaction mode stands between, set \
             DATABASE_POOLER=transaction"
        );
    });
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

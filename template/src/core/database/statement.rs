//! A statement under way, and what its end says about the connection.

use std::{
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use sea_orm::{
    Statement, Values,
    sqlx::{
        self, AssertSqlSafe,
        postgres::{PgDatabaseError, PgSeverity},
    },
};
use sea_query_sqlx::SqlxValues;

/// A statement under way: what the slow-statement log needs at its end.
pub(super) struct Running {
    sql: Arc<String>,
    started: Instant,
    /// How long the first row took, if rows are read one by one: what comes after depends on who reads them.
    first_row: Option<Duration>,
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
    pub(super) fn new(statement: Statement) -> (Self, SqlxValues) {
        let values = statement.values.unwrap_or(Values(Vec::new()));
        (Self::text(statement.sql), SqlxValues(values))
    }

    pub(super) fn text(sql: impl Into<String>) -> Self {
        Self {
            sql: Arc::new(sql.into()),
            started: Instant::now(),
            first_row: None,
        }
    }

    /// A row has come.
    pub(super) fn row(&mut self) {
        self.first_row.get_or_insert_with(|| self.started.elapsed());
    }

    /// The text for sqlx. Shared, not copied; what is in it is SeaORM's or the owner's, and values are always bound.
    pub(super) fn sql(&self) -> AssertSqlSafe<Arc<String>> {
        AssertSqlSafe(Arc::clone(&self.sql))
    }

    /// The text is logged, the values never are.
    pub(super) fn log_if_slow(&self, limit: Option<Duration>) {
        let elapsed = self.first_row.unwrap_or_else(|| self.started.elapsed());
        if limit.is_some_and(|limit| elapsed >= limit) {
            tracing::warn!(
                db.statement = self.sql.as_str(),
                elapsed_ms = millis(elapsed),
                "slow statement"
            );
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

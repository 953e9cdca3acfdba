//! What the lab asks the database. It needs no table, so it works on any.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement, StreamTrait, Value};

use crate::core::database::{DataError, Database, Result, RowStream};

/// A connection as the lab uses it.
pub struct LabRepository<'c, C>(&'c C);

impl<'c, C: ConnectionTrait> LabRepository<'c, C> {
    /// On the pool, or in a transaction.
    pub const fn new(connection: &'c C) -> Self {
        Self(connection)
    }

    /// Asks something that takes no time.
    ///
    /// # Errors
    ///
    /// If no connection was to be had, or the database didn't answer.
    pub async fn ask(&self) -> Result<()> {
        let statement = self.statement("SELECT 1", []);
        self.0.query_one_raw(statement).await?;
        Ok(())
    }

    /// Has a statement take so long. SQLite knows none that waits: there the time passes between two, so that a transaction holds its
    /// connection for as long.
    ///
    /// # Errors
    ///
    /// As those of [`ask`](Self::ask); also if it takes longer than a statement may.
    pub async fn wait(&self, time: Duration) -> Result<()> {
        if self.0.get_database_backend() == DbBackend::Postgres {
            let sleep = self.statement("SELECT pg_sleep($1)", [time.as_secs_f64().into()]);
            self.0.execute_raw(sleep).await?;
            return Ok(());
        }
        self.ask().await?;
        tokio::time::sleep(time).await;
        self.ask().await
    }

    /// In a transaction: its statements may take so long, whatever `DATABASE_COMMAND_TIMEOUT_SECS` says.
    ///
    /// # Errors
    ///
    /// As those of [`ask`](Self::ask).
    pub async fn allow(&self, time: Duration) -> Result<()> {
        if self.0.get_database_backend() == DbBackend::Postgres {
            let milliseconds = time.as_millis().to_string();
            let sql = "SELECT set_config('statement_timeout', $1, true)";
            let set = self.statement(sql, [milliseconds.into()]);
            self.0.query_one_raw(set).await?;
        }
        Ok(())
    }

    /// Asks something that the database refuses.
    ///
    /// # Errors
    ///
    /// Always.
    pub async fn fail(&self) -> Result<()> {
        let statement = self.statement("SELECT * FROM lab_has_no_such_table", []);
        self.0.query_one_raw(statement).await?;
        Ok(())
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.0.get_database_backend(), sql, values)
    }
}

/// Whether the database refused the statement of [`LabRepository::fail`], and it did not fail on the way there.
#[must_use]
pub fn is_refusal(error: &DataError) -> bool {
    let DataError::Database(
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)),
    ) = error
    else {
        return false;
    };
    // PostgreSQL's undefined_table, and SQLite's error of statements that can't be prepared
    error
        .as_database_error()
        .is_some_and(|refusal| matches!(refusal.code().as_deref(), Some("42P01" | "1")))
}

impl LabRepository<'_, Database> {
    /// The numbers from 1 to `rows`, one by one. The row `fails_at` makes the statement fail; without it, none does.
    ///
    /// # Errors
    ///
    /// If no connection was to be had. What happens later is in the stream.
    pub async fn numbers(&self, rows: u32, fails_at: Option<u32>) -> Result<RowStream, DbErr> {
        // What is computed of one row must not be known for all: both run into an error when they come to that row.
        let sql = match self.0.backend() {
            DbBackend::Postgres => {
                "SELECT i, 1 / (i - $2) AS checked FROM generate_series(1, $1::int) AS i"
            }
            _ => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                 SELECT i, abs(-9223372036854775807 - (i = $2)) AS checked FROM n"
            }
        };
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX).into();
        let values = [number(rows), number(fails_at.unwrap_or(0))];
        self.0.stream_raw(self.statement(sql, values)).await
    }
}

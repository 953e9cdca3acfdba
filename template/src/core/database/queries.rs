//! Running statements on a connection.

use std::{future::poll_fn, pin::pin};

use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use sea_orm::{
    DbErr, ExecResult, QueryResult, Statement,
    sqlx::{self, Executor as _},
};
use sea_query_sqlx::SqlxValues;
use tracing::{Dispatch, dispatcher};

use super::{
    connection::{Connection, Raw, on},
    statement::Running,
};

impl Connection {
    /// Runs a statement that returns no rows.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let entered = self.enter().await?;
        let (running, values) = Running::new(statement, self.system());
        let keep = self.shared.keep_prepared;
        let outcome = on!(self.start()?, connection => {
            let query = sqlx::query_with(running.sql(), values).persistent(keep);
            query.execute(connection).await.map(ExecResult::from)
        });
        let outcome = self.finish(outcome, &running, DbErr::Exec);
        self.leave(entered, outcome).await
    }

    /// Runs a statement and returns its first row.
    pub(super) async fn one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let entered = self.enter().await?;
        let (running, values) = Running::new(statement, self.system());
        let keep = self.shared.keep_prepared;
        let outcome = match self.start()? {
            Raw::Postgres(pg) => sqlx::query_with(running.sql(), values)
                .persistent(keep)
                .fetch_optional(pg.connection())
                .await
                .map(|row| row.map(QueryResult::from)),
            #[cfg(feature = "sqlite")]
            Raw::Sqlite(lite) => lite.first_row(running.sql(), values, keep).await,
        };
        let outcome = self.finish(outcome, &running, DbErr::Query);
        self.leave(entered, outcome).await
    }

    /// Runs a statement and returns all its rows.
    pub(super) async fn all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let entered = self.enter().await?;
        let (running, values) = Running::new(statement, self.system());
        let keep = self.shared.keep_prepared;
        let outcome = on!(self.start()?, connection => {
            let query = sqlx::query_with(running.sql(), values).persistent(keep);
            let rows = async { query.fetch(connection).map_ok(QueryResult::from).try_collect().await };
            begun_outside_spans(rows).await
        });
        let outcome = self.finish(outcome, &running, DbErr::Query);
        self.leave(entered, outcome).await
    }

    /// Starts a statement whose rows are then read one by one; [`finish`](Self::finish) is due when the last has been read.
    pub(super) fn rows(
        &mut self,
        running: &Running,
        values: SqlxValues,
    ) -> Result<BoxStream<'_, Result<QueryResult, sqlx::Error>>, DbErr> {
        let (sql, keep) = (running.sql(), self.shared.keep_prepared);
        Ok(on!(self.start()?, connection => {
            let query = sqlx::query_with(sql, values).persistent(keep);
            query.fetch(connection).map_ok(QueryResult::from).boxed()
        }))
    }

    /// Runs SQL text as it is, also several statements at once, and returns what the last one did.
    pub(super) async fn simple(&mut self, sql: impl Into<String>) -> Result<ExecResult, DbErr> {
        let running = Running::text(sql, self.system());
        let outcome = on!(self.start()?, connection => {
            connection.execute(running.sql()).await.map(ExecResult::from)
        });
        self.finish(outcome, &running, DbErr::Exec)
    }

    /// Runs SQL text of which we don't know what it does to the session.
    pub(super) async fn unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        // in a transaction, too: a SET, and all that BEGIN and COMMIT in it do, outlast the transaction
        self.unknown_session = true;
        self.simple(sql).await
    }
}

/// Runs `work`, up to where it waits for the first time, as if no span were current.
///
/// The span that is current when a statement begins is entered by sqlx for each row, and not once but twice: for a page of 20, in 46 000
/// instructions, a tenth of the request's.
async fn begun_outside_spans<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut begun = false;
    poll_fn(|context| {
        if begun {
            return work.as_mut().poll(context);
        }
        begun = true;
        dispatcher::with_default(&Dispatch::none(), || work.as_mut().poll(context))
    })
    .await
}

//! SQLite: its connections, which of them runs a statement, how a statement is stopped, and what an error means.

mod code;
mod route;
mod stop;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use sea_orm::{
    QueryResult, SqliteTransactionMode, TransactionOptions,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
        sqlite::SqliteConnectOptions,
    },
};
use sea_query_sqlx::SqlxValues;

pub(super) use code::{is_busy, is_interrupt, leaves_connection_good, primary_code};
pub(super) use route::{Role, role_of_statement, role_of_transaction};
use stop::Stop;

/// Instructions of SQLite's machine between two looks at whether to stop: some 10 µs.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// A connection to a SQLite file. sqlx gives it a thread of its own.
pub(super) struct Lite {
    connection: SqliteConnection,
    role: Role,
    stop: Arc<Stop>,
}

impl Lite {
    /// Opens a connection.
    pub(super) async fn connect(
        options: &SqliteConnectOptions,
        role: Role,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = connect_when_free(options).await?;
        let stop = Arc::new(Stop::new());
        let watched = Arc::clone(&stop);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS_BETWEEN_LOOKS, move || watched.lets_go_on());
        if role == Role::Reader {
            connection.execute("PRAGMA query_only = ON").await?;
        }
        Ok(Self {
            connection,
            role,
            stop,
        })
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Closes the file, once its worker has come to an end.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    /// The first row of a statement.
    ///
    /// What writes is read to its end: SQLite commits when a statement ends, and checks deferred foreign keys then, but sqlx hides
    /// an error in the end of a statement that it cut short. An `INSERT … RETURNING` that was undone would seem to have worked.
    pub(super) async fn first_row(
        &mut self,
        sql: AssertSqlSafe<Arc<String>>,
        values: SqlxValues,
        keep_prepared: bool,
    ) -> Result<Option<QueryResult>, sqlx::Error> {
        let query = sqlx::query_with(sql, values).persistent(keep_prepared);
        if self.role == Role::Reader {
            let row = query.fetch_optional(&mut self.connection).await?;
            return Ok(row.map(QueryResult::from));
        }
        let mut rows = query.fetch(&mut self.connection);
        let first = rows.try_next().await?;
        while rows.try_next().await?.is_some() {}
        Ok(first.map(QueryResult::from))
    }

    /// A writer's transaction takes the lock at once: one that began by reading could not get it any more after another wrote.
    /// SQLite knows one isolation level only, serializable, so what the options say about it is met.
    pub(super) fn begin(&self, options: TransactionOptions) -> &'static str {
        match (self.role, options.sqlite_transaction_mode) {
            (Role::Reader, _) => "BEGIN DEFERRED",
            (Role::Writer, Some(SqliteTransactionMode::Exclusive)) => "BEGIN EXCLUSIVE",
            (Role::Writer, _) => "BEGIN IMMEDIATE",
        }
    }
}

/// SQLite doesn't wait for its lock when it changes a file to a write-ahead log, which the first connection ever does.
async fn connect_when_free(
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    const RETRY_FOR: Duration = Duration::from_secs(1);
    let start = Instant::now();
    loop {
        match options.connect().await {
            Err(sqlx::Error::Database(error))
                if is_busy(&*error) && start.elapsed() < RETRY_FOR =>
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            outcome => return outcome,
        }
    }
}

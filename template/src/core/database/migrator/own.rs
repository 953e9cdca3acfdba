//! The connection on which migrations run.

use std::{ops::Deref, sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlxPostgresConnector,
    sqlx::{self, ConnectOptions, Connection, Pool, pool::PoolOptions},
};
#[cfg(feature = "sqlite")]
use sea_orm::{SqlxSqliteConnector, sqlx::sqlite::SqliteConnectOptions};

use crate::core::database::settings::Url;

/// How long connecting may take, once the database is known to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Whatever the role or the database set for everybody: an index may take longer than any statement of the service may run, and
/// the connection is idle while a migration computes something.
const NO_LIMITS: &str =
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";

/// A place where no database is, for a pool that must not connect again.
const NOWHERE: &str = "/nowhere/the-connection-of-the-migrations-was-lost";

/// One connection, which is never replaced: the lock is bound to it, and so are its settings.
///
/// SeaORM's migrator takes nothing but a pool. This one holds a single connection, doesn't look whether it is still there (the
/// statement that finds it gone says best why), and can't open another.
pub(super) struct Own(DatabaseConnection);

impl Deref for Own {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.0
    }
}

impl Own {
    pub(super) async fn connect(url: &Url) -> Result<Self, DbErr> {
        match url {
            Url::Postgres(server) => {
                // The pool would try a port that refuses again and again until its limit, and then not say why it gave up.
                let first = server.password.open(&server.options).await;
                let first = first.map_err(connection_error)?;
                first.close().await.map_err(connection_error)?;
                let options = server.password.completing(&server.options);
                let pool = only_one(&options).await?;
                pool.set_connect_options(options.socket(NOWHERE));
                let own = Self(SqlxPostgresConnector::from_sqlx_postgres_pool(pool));
                // as a statement, because a `PgBouncer` in front of the server refuses start-up options that it doesn't know
                own.execute_unprepared(NO_LIMITS).await?;
                Ok(own)
            }
            #[cfg(feature = "sqlite")]
            Url::Sqlite(options) => {
                let pool = only_one(&**options).await?;
                pool.set_connect_options(SqliteConnectOptions::new().filename(NOWHERE));
                Ok(Self(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)))
            }
        }
    }

    /// A failure is of no consequence: what was to be done on the connection is done, or has failed.
    pub(super) async fn close(self) {
        if let Err(error) = self.0.close().await {
            tracing::debug!(%error, "the connection of the migrations was gone before it was closed");
        }
    }
}

async fn only_one<C>(options: &C) -> Result<Pool<<C::Connection as Connection>::Database>, DbErr>
where
    C: ConnectOptions,
    C::Connection: Connection<Options = C>,
{
    PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_LIMIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await
        .map_err(connection_error)
}

fn connection_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

//! One process at a time changes the schema.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};

use super::MigrateError;
use crate::core::database::settings::Url;

/// How often it is tried again while another process has the lock.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// PostgreSQL's advisory locks are numbers, one set for each database. This one spells "migrate".
const KEY: i64 = 0x006d_6967_7261_7465;

/// The right to change the schema.
pub(super) enum Lock {
    /// An advisory lock of the session, which also ends with it.
    Postgres,
    /// A lock on a file beside the database, which the system takes back when the process ends.
    #[cfg(feature = "sqlite")]
    Sqlite(std::fs::File),
}

impl Lock {
    /// Waits until no other process migrates, for as long as that takes: an index may be hours of work.
    pub(super) async fn acquire(
        url: &Url,
        connection: &DatabaseConnection,
    ) -> Result<Self, MigrateError> {
        let mut waited = false;
        loop {
            let lock = match url {
                Url::Postgres(_) => try_postgres(connection).await?,
                #[cfg(feature = "sqlite")]
                Url::Sqlite(options) => try_file(options.get_filename())?,
            };
            if let Some(lock) = lock {
                return Ok(lock);
            }
            if !waited {
                tracing::info!("another process is migrating; waiting for it");
                waited = true;
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    pub(super) async fn release(self, connection: &DatabaseConnection) {
        match self {
            Self::Postgres => {
                let unlock = lock_statement(connection, "SELECT pg_advisory_unlock($1) AS done");
                if let Err(error) = connection.query_one_raw(unlock).await {
                    tracing::debug!(%error, "the lock ends with the session");
                }
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => drop(file),
        }
    }
}

/// Asks again and again instead of waiting in `pg_advisory_lock`: a session that waits there counts as a running transaction,
/// which a `CREATE INDEX CONCURRENTLY` of the one that has the lock would wait for.
async fn try_postgres(connection: &DatabaseConnection) -> Result<Option<Lock>, DbErr> {
    let attempt = lock_statement(connection, "SELECT pg_try_advisory_lock($1) AS done");
    let row = connection.query_one_raw(attempt).await?;
    let done = row.map(|row| row.try_get("", "done")).transpose()?;
    Ok((done == Some(true)).then_some(Lock::Postgres))
}

fn lock_statement(connection: &DatabaseConnection, sql: &str) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, [KEY.into()])
}

#[cfg(feature = "sqlite")]
fn try_file(database: &std::path::Path) -> Result<Option<Lock>, MigrateError> {
    use std::fs::{File, TryLockError};

    // Left behind for good: whoever removes it could remove the one that another process has just locked.
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let failed = |source| MigrateError::LockFile {
        file: name.to_string_lossy().into_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock::Sqlite(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

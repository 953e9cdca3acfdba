//! The schema's history: which migrations there are, which are applied, and applying or undoing them one process at a time.
//!
//! Migrations run on a stock SeaORM connection of their own, since SeaORM's migrator accepts nothing else and since an index may
//! take longer to build than any statement of the service may run.

mod lock;
mod own;
mod registry;

use std::time::{Duration, Instant};

use sea_orm::{ConnAcquireErr, DatabaseConnection, DbErr, EntityTrait};
use sea_orm_migration::{
    MigrationTrait, MigratorTraitSelf, SchemaManager, prelude::async_trait, seaql_migrations,
};
use tokio::time::timeout;

use super::{settings::Url, wait::is_permanent};
use crate::core::{
    config::DatabaseConfig,
    registry::{RegistryError, entries},
};
use lock::Lock;
use own::Own;
pub use registry::MigrationEntry;

/// How often [`Migrator::wait_until_current`] looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why migrating failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Two files bring a migration of the same name.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The database refused a step. What was applied before it stays applied; on PostgreSQL the failed step itself leaves nothing
    /// behind.
    #[error("migrating failed: {0}")]
    Database(#[from] DbErr),
    /// The configuration says that the way to the database leads through a pooler, which takes the session away between two
    /// transactions, and with it the lock.
    #[error(
        "migrations can't go through a pooler (DATABASE_POOLER): lead DATABASE_URL to the server itself, with DATABASE_POOLER=none"
    )]
    Pooler,
    /// The lock file of a SQLite database can't be used.
    #[error("can't lock the database for migrating, by the file {file}: {source}")]
    LockFile {
        /// The file beside the database.
        file: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The schema was not brought up to date in time.
    #[error("after {} s there are still migrations to be applied: {}", limit.as_secs(), pending.join(", "))]
    StillPending {
        /// How long it was waited for.
        limit: Duration,
        /// What is not applied.
        pending: Vec<String>,
    },
}

/// Where a schema stands. All names are in the order in which they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Migrations of this program that are applied.
    pub applied: Vec<String>,
    /// Migrations of this program that are not.
    pub pending: Vec<String>,
    /// Applied migrations that this program doesn't know: a newer release has been here.
    pub unknown: Vec<String>,
}

/// Applies, undoes and lists the migrations that are registered.
///
/// Whatever changes the schema holds a lock, so any number of processes may try at once: one works, the others wait and then find
/// nothing left to do.
pub struct Migrator {
    migrations: Registered,
    url: Url,
}

/// The registered migrations as SeaORM wants them.
struct Registered(Vec<&'static MigrationEntry>);

#[async_trait::async_trait]
impl MigratorTraitSelf for Registered {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.0.iter().map(|entry| entry.migration()).collect()
    }
}

impl Migrator {
    /// The registered migrations for the configured database. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if two migrations have the same name, or the URL of the database can't be read.
    pub fn new(config: &DatabaseConfig, service: &str) -> Result<Self, MigrateError> {
        Ok(Self {
            migrations: Registered(entries::<MigrationEntry>()?),
            url: Url::parse(config, service)?,
        })
    }

    /// The names of all migrations of this program, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.migrations.0.iter().map(|entry| entry.name()).collect()
    }

    /// Applies what is pending, and returns the names of what it applied.
    ///
    /// A schema that is newer than this program is left alone if nothing is pending, so that a release can be taken back.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if the lock can't be had or a step fails.
    pub async fn up(&self) -> Result<Vec<String>, MigrateError> {
        self.locked(async |connection| {
            let before = self.look(connection).await?;
            if !before.unknown.is_empty() {
                tracing::warn!(unknown = ?before.unknown, "the schema is newer than this program");
            }
            if !before.pending.is_empty() {
                self.migrations.up(connection, None).await?;
            }
            Ok(before.pending)
        })
        .await
    }

    /// Undoes the last `steps` migrations, and returns their names, the last applied first.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if the lock can't be had, a step fails, or the schema is newer than this program.
    pub async fn down(&self, steps: u32) -> Result<Vec<String>, MigrateError> {
        self.locked(async |connection| {
            let before = self.look(connection).await?;
            self.migrations.down(connection, Some(steps)).await?;
            let undone = before.applied.into_iter().rev().take(steps as usize);
            Ok(undone.collect())
        })
        .await
    }

    /// Drops every table and applies all migrations. All data is lost; whether that is allowed is for the caller to decide.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if the lock can't be had or a step fails.
    pub async fn fresh(&self) -> Result<(), MigrateError> {
        self.locked(async |connection| Ok(self.migrations.fresh(connection).await?))
            .await
    }

    /// Where the schema stands. This changes nothing and takes no lock, so it also works for a user who may only read.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if the database can't be asked.
    pub async fn status(&self) -> Result<SchemaStatus, MigrateError> {
        let connection = self.connect().await?;
        let status = self.look(&connection).await;
        connection.close().await;
        status
    }

    /// Waits until nothing is pending, for a service that starts beside the job that migrates.
    ///
    /// A database that can't be asked at the moment is asked again, but not one that refuses us for good.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if that isn't so within `limit`, or the database can't be asked at the end of it.
    pub async fn wait_until_current(&self, limit: Duration) -> Result<SchemaStatus, MigrateError> {
        let start = Instant::now();
        let mut last = MigrateError::Database(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match timeout(left.max(LOOK_EVERY), self.status()).await {
                Ok(Ok(status)) if status.pending.is_empty() => return Ok(status),
                Ok(Ok(status)) => {
                    let pending = status.pending;
                    tracing::info!(?pending, "waiting for migrations");
                    last = MigrateError::StillPending { limit, pending };
                }
                Ok(Err(MigrateError::Database(error))) if is_permanent(&error) => {
                    return Err(error.into());
                }
                Ok(Err(MigrateError::Pooler)) => return Err(MigrateError::Pooler),
                Ok(Err(error)) => {
                    tracing::info!(%error, "waiting for the database");
                    last = error;
                }
                // cut off by us, which says less than what came before
                Err(_) => tracing::info!("waiting for the database, which does not answer"),
            }
            if start.elapsed().saturating_add(LOOK_EVERY) > limit {
                return Err(last);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self, connection: &DatabaseConnection) -> Result<SchemaStatus, MigrateError> {
        let manager = SchemaManager::new(connection);
        let recorded: Vec<String> = if manager.has_table("seaql_migrations").await? {
            let rows = seaql_migrations::Entity::find().all(connection).await?;
            rows.into_iter().map(|row| row.version).collect()
        } else {
            Vec::new()
        };
        Ok(compare(&self.names(), recorded))
    }

    async fn connect(&self) -> Result<Own, MigrateError> {
        if matches!(&self.url, Url::Postgres(server) if server.pooled) {
            return Err(MigrateError::Pooler);
        }
        Ok(Own::connect(&self.url).await?)
    }

    /// Runs `work` on a connection of its own while nobody else migrates.
    async fn locked<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseConnection) -> Result<T, MigrateError>,
    ) -> Result<T, MigrateError> {
        let connection = self.connect().await?;
        let outcome = async {
            let lock = Lock::acquire(&self.url, &connection).await?;
            let outcome = work(&connection).await;
            // closing the connection would do, but a server behind a pooler might keep the session
            lock.release(&connection).await;
            outcome
        }
        .await;
        connection.close().await;
        outcome
    }
}

fn compare(known: &[String], recorded: Vec<String>) -> SchemaStatus {
    let (applied, pending) = known
        .iter()
        .cloned()
        .partition(|name| recorded.contains(name));
    let mut unknown: Vec<String> = recorded
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    unknown.sort();
    SchemaStatus {
        applied,
        pending,
        unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_status_tells_applied_pending_and_unknown_migrations_apart() {
        let status = compare(&names(&["a", "b", "c"]), names(&["z", "b", "a", "x"]));
        assert_eq!(status.applied, ["a", "b"]);
        assert_eq!(status.pending, ["c"]);
        assert_eq!(status.unknown, ["x", "z"]);
    }
}

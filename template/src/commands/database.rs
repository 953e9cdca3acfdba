use std::time::Duration;

use anyhow::Context;

use super::SERVICE;
use crate::core::{
    config::{Config, DatabaseConfig},
    database::{Database, migrator::Migrator},
};

/// The database, once it answers.
pub(super) async fn connect(config: &Config) -> anyhow::Result<Database> {
    let section = config.section::<DatabaseConfig>();
    let database = Database::new(section, SERVICE).context("can't use the database")?;
    wait(&database, config).await?;
    Ok(database)
}

/// Waits until the database answers.
pub(super) async fn wait(database: &Database, config: &Config) -> anyhow::Result<()> {
    let section = config.section::<DatabaseConfig>();
    let limit = Duration::from_secs(section.connect_wait_secs);
    database.wait_until_ready(limit).await.context(
        "the database can't be used: check DATABASE_URL, or wait longer with DATABASE_CONNECT_WAIT_SECS",
    )
}

/// The migrator of the configured database.
pub(super) fn migrator(config: &Config) -> anyhow::Result<Migrator> {
    Ok(Migrator::new(config.section(), SERVICE)?)
}

//! What of the configuration reaches the pool.

use std::{sync::Arc, time::Duration};

#[cfg(feature = "sqlite")]
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, ConnectOptions as _, postgres::PgConnectOptions},
};
use secrecy::ExposeSecret;

use super::keeper::Policy;
use crate::core::config::DatabaseConfig;

/// Where the database is. Passwords are in here, so it isn't `Debug`.
pub(super) enum Url {
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
    /// A SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(Box<SqliteConnectOptions>),
}

/// The section `DATABASE_` as the pool uses it.
pub(super) struct Settings {
    pub(super) url: Url,
    pub(super) min_size: usize,
    pub(super) max_size: usize,
    pub(super) acquire_timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) idle_limit: Duration,
    pub(super) ping_after: Duration,
    /// Unlimited if there is none.
    pub(super) command_timeout: Option<Duration>,
    /// Not logged if there is none.
    pub(super) slow_statement: Option<Duration>,
}

impl Settings {
    pub(super) fn new(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        Ok(Self {
            url: Url::of_pool(config, service)?,
            min_size: config.pool_min_size as usize,
            max_size: config.pool_max_size.max(1) as usize,
            acquire_timeout: Duration::from_secs(config.pool_timeout_secs),
            max_age: Duration::from_secs(config.pool_recycle_secs),
            idle_limit: Duration::from_secs(config.pool_idle_secs),
            ping_after: Duration::from_secs(config.pool_pre_ping_idle_secs),
            command_timeout: command_timeout(config),
            slow_statement: unless_zero(Duration::from_millis(config.slow_statement_ms)),
        })
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            min_size: self.min_size.min(self.max_size),
            idle_limit: self.idle_limit,
            max_age: self.max_age,
            connect_limit: self.acquire_timeout,
        }
    }
}

impl Url {
    /// For the pool: with a cache of prepared statements.
    fn of_pool(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        let capacity = config.statement_cache_size;
        Ok(match Self::parse(config, service)? {
            Self::Postgres(options) => {
                Self::Postgres(Box::new(options.statement_cache_capacity(capacity)))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(options) => {
                Self::Sqlite(Box::new(options.statement_cache_capacity(capacity)))
            }
        })
    }

    /// What the URL says, and what holds for every connection.
    pub(super) fn parse(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        let url = config.connection_url();
        let url = url.expose_secret();
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => {
                if let Some(file) = &config.ssl_root_cert
                    && let Err(error) = std::fs::File::open(file)
                {
                    // later it would only say "no such file", and be taken for a server that isn't there yet
                    let file = file.display();
                    return Err(refused(&format!(
                        "can't read the certificate {file}: {error}"
                    )));
                }
                let options: PgConnectOptions = url.parse().map_err(unreadable)?;
                let options = options
                    .application_name(&application_name(service))
                    .disable_statement_logging(); // values would be in it; ours logs slow ones without
                Ok(Self::Postgres(Box::new(options)))
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                if url.contains(":memory:") || url.contains("mode=memory") {
                    return Err(refused(
                        "a SQLite database in memory lasts as long as one connection and can't be shared by a pool; name a file",
                    ));
                }
                let options: SqliteConnectOptions = url.parse().map_err(unreadable)?;
                let options = options
                    // readers and the writer don't wait for each other
                    .journal_mode(SqliteJournalMode::Wal)
                    // safe with a write-ahead log: a crash of the machine may lose the last commits, but damages nothing
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(command_timeout(config).unwrap_or(BUSY_LIMIT))
                    .disable_statement_logging();
                Ok(Self::Sqlite(Box::new(options)))
            }
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(refused("this build has no SQLite (cargo feature `sqlite`)")),
            _ => Err(refused(
                "the URL of the database must begin with postgres:// or sqlite://",
            )),
        }
    }
}

/// How long SQLite waits for the lock of another process if statements have no limit.
#[cfg(feature = "sqlite")]
const BUSY_LIMIT: Duration = Duration::from_secs(30);

fn command_timeout(config: &DatabaseConfig) -> Option<Duration> {
    unless_zero(Duration::from_secs(config.command_timeout_secs))
}

fn unless_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// `<service>@<host>`, so that a session in `pg_stat_activity` leads to its pod. PostgreSQL cuts it at 63 bytes.
fn application_name(service: &str) -> String {
    // what Linux calls the host, which in Kubernetes is the pod; elsewhere the service alone has to do
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{service}@{}", host.trim()),
        Err(_) => service.to_owned(),
    }
}

/// sqlx says what is wrong with the URL without repeating it.
fn unreadable(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

fn refused(reason: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Configuration(
        reason.into(),
    ))))
}

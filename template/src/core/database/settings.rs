//! What of the configuration reaches the pool.

use std::{sync::Arc, time::Duration};

#[cfg(feature = "sqlite")]
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _,
        postgres::{PgConnectOptions, PgSslMode},
    },
};

use super::{keeper::Policy, password::Password, postgres::Server};
use crate::core::config::{DatabaseAddress, DatabaseConfig, Pooler, PostgresAddress, SslMode};

/// Where the database is. Passwords are in here, so it isn't `Debug`.
pub(super) enum Url {
    /// A PostgreSQL server.
    Postgres(Box<Server>),
    /// A SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(Box<SqliteConnectOptions>),
}

/// The section `DATABASE_` as the pool uses it.
pub(super) struct Settings {
    pub(super) url: Url,
    pub(super) min_size: usize,
    pub(super) max_size: usize,
    pub(super) expected_replicas: usize,
    pub(super) pooled: bool,
    pub(super) acquire_timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) idle_limit: Duration,
    pub(super) ping_after: Duration,
    pub(super) command_timeout: Duration,
    pub(super) slow_statement: Duration,
    pub(super) long_hold: Duration,
}

impl Settings {
    pub(super) fn new(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        Ok(Self {
            url: Url::of_pool(config, service)?,
            min_size: config.pool_min_size as usize,
            max_size: config.pool_max_size as usize,
            expected_replicas: config.expected_replicas as usize,
            pooled: config.pooler == Pooler::Transaction,
            acquire_timeout: Duration::from_secs(config.pool_timeout_secs),
            max_age: Duration::from_secs(config.pool_recycle_secs),
            idle_limit: Duration::from_secs(config.pool_idle_secs),
            ping_after: Duration::from_secs(config.pool_pre_ping_idle_secs),
            command_timeout: Duration::from_secs(config.command_timeout_secs),
            slow_statement: Duration::from_millis(config.slow_statement_ms),
            long_hold: Duration::from_secs(config.long_hold_secs),
        })
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            min_size: self.min_size.min(self.max_size),
            idle_limit: self.idle_limit,
            max_age: self.max_age,
            connect_limit: self.acquire_timeout,
            long_hold: self.long_hold,
        }
    }
}

impl Url {
    /// For the pool: with a cache of prepared statements.
    fn of_pool(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        let capacity = config.statement_cache_size;
        Ok(match Self::parse(config, service)? {
            Self::Postgres(mut server) => {
                server.options = server.options.statement_cache_capacity(capacity);
                Self::Postgres(server)
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(options) => {
                Self::Sqlite(Box::new(options.statement_cache_capacity(capacity)))
            }
        })
    }

    /// What the section says, and what holds for every connection.
    pub(super) fn parse(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        match config.address().map_err(|reason| refused(&reason))? {
            DatabaseAddress::Postgres(address) => {
                let pooled = config.pooler == Pooler::Transaction;
                Ok(Self::Postgres(Box::new(postgres(
                    *address, service, pooled,
                ))))
            }
            #[cfg(feature = "sqlite")]
            DatabaseAddress::Sqlite(url) => {
                let options: SqliteConnectOptions = url.parse().map_err(unreadable)?;
                let options = options
                    // readers and the writer don't wait for each other
                    .journal_mode(SqliteJournalMode::Wal)
                    // safe with a write-ahead log: a crash of the machine may lose the last commits, but damages nothing
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(config.command_timeout_secs))
                    .disable_statement_logging();
                Ok(Self::Sqlite(Box::new(options)))
            }
            #[cfg(not(feature = "sqlite"))]
            DatabaseAddress::Sqlite(_) => {
                Err(refused("this build has no SQLite (cargo feature `sqlite`)"))
            }
        }
    }
}

/// sqlx begins with what libpq's variables say (`PGUSER`, `PGPASSWORD`, `PGSSLROOTCERT`, …), so nothing is left out here. What can't
/// be overruled, `PGOPTIONS` and a client's certificate, the configuration warns of.
fn postgres(address: PostgresAddress, service: &str, pooled: bool) -> Server {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&address.host)
        .port(address.port)
        .username(&address.user)
        .database(&address.name)
        .ssl_mode(match address.ssl_mode {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require => PgSslMode::Require,
            SslMode::VerifyCa => PgSslMode::VerifyCa,
            SslMode::VerifyFull => PgSslMode::VerifyFull,
        })
        .application_name(&application_name(service))
        .extra_float_digits(None) // a PgBouncer refuses it, and since PostgreSQL 12 the default is exact
        .disable_statement_logging(); // values would be in it; ours logs slow ones without
    options = match &address.ssl_root_cert {
        Some(file) => options.ssl_root_cert(file),
        None => options.ssl_root_cert_from_pem(Vec::new()), // adds none to the usual authorities
    };
    if let Some((certificate, key)) = &address.ssl_identity {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    let mut settings = address.options;
    // Even an empty list would be sent, and a PgBouncer in front of the server refuses it.
    if !settings.is_empty() && !pooled {
        let all = std::mem::take(&mut settings);
        options = options.options(all.iter().map(|(name, value)| (name, value)));
    }
    Server {
        options,
        password: Arc::new(Password::new(address.password, address.password_file)),
        settings,
        pooled,
    }
}

/// `<service>@<host>`, so that a session in `pg_stat_activity` leads to its pod. PostgreSQL cuts it at 63 bytes.
fn application_name(service: &str) -> String {
    // what Linux calls the host, which in Kubernetes is the pod; elsewhere the service alone has to do
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{service}@{}", host.trim()),
        Err(_) => service.to_owned(),
    }
}

#[cfg(feature = "sqlite")]
fn unreadable(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

fn refused(reason: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Configuration(
        reason.into(),
    ))))
}

//! The pool that the service uses.

use std::{
    fmt,
    panic::Location,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use deadpool::managed::{self, PoolError};
use futures::future::join_all;
use sea_orm::{
    AccessMode, ConnAcquireErr, DbBackend, DbErr, IsolationLevel, RuntimeErr, TransactionOptions,
};
use tracing::Instrument;

#[cfg(feature = "sqlite")]
use super::sqlite::{self, Role};
use super::{
    connection::Connection,
    guard::Guard,
    holds::Work,
    keeper::{Keeper, Policy},
    manager::{self, Manager, Shared, Target},
    metrics::SPANS,
    settings::Settings,
    status::{PoolStatus, Seldom},
    transaction::Transaction,
};
use crate::core::config::DatabaseConfig;

type Pool = managed::Pool<Manager>;

/// How long [`Database::close`] waits for connections in use. A statement ends earlier, at the command timeout.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// The service's database: a pool of connections to PostgreSQL, or to a SQLite file. Cloning it is cheap and shares the pool.
///
/// It implements SeaORM's `ConnectionTrait`, `StreamTrait` and `TransactionTrait`, so entities and repositories take it as they
/// take a transaction. What stands behind it, and what happens to connections on errors and cancelled requests, is told in the
/// documentation of the module.
///
/// Whatever `SET` or `BEGIN` do to a session would be met by its next user. So settings belong into a transaction (`SET LOCAL`);
/// raw SQL given to `execute_unprepared` costs the connection, which is closed afterwards, also if that was in a transaction.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    backend: DbBackend,
    /// All connections to PostgreSQL; on SQLite, the one that writes.
    main: Pool,
    /// On SQLite, those that read.
    #[cfg(feature = "sqlite")]
    readers: Option<Pool>,
    settings: Settings,
    keeper: OnceLock<Keeper>,
    exhausted: Seldom,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("backend", &self.inner.backend)
            .field("status", &self.status())
            .finish()
    }
}

impl Database {
    /// A pool as configured. Nothing is opened yet: that is left to its first use, or to
    /// [`wait_until_ready`](Self::wait_until_ready).
    ///
    /// The server's list of sessions shows the connections as `<service>@<host>`.
    ///
    /// # Errors
    ///
    /// [`DbErr::Conn`] if the URL can't be read, or names a database that this build doesn't support. The message contains
    /// nothing of the URL.
    pub fn new(config: &DatabaseConfig, service: &str) -> Result<Self, DbErr> {
        Self::open(Settings::new(config, service)?)
    }

    fn open(settings: Settings) -> Result<Self, DbErr> {
        let shared = Arc::new(Shared::new(&settings));
        let pool = |target, max_size| manager::pool(&settings, &shared, target, max_size);
        let inner = match &settings.url {
            super::settings::Url::Postgres(server) => Inner {
                backend: DbBackend::Postgres,
                main: pool(Target::Postgres(server.clone()), settings.max_size)?,
                #[cfg(feature = "sqlite")]
                readers: None,
                keeper: OnceLock::new(),
                exhausted: Seldom::default(),
                settings,
            },
            #[cfg(feature = "sqlite")]
            super::settings::Url::Sqlite(options) => Inner {
                backend: DbBackend::Sqlite,
                main: pool(Target::Sqlite(options.clone(), Role::Writer), 1)?,
                readers: Some(pool(
                    Target::Sqlite(options.clone(), Role::Reader),
                    settings.max_size,
                )?),
                keeper: OnceLock::new(),
                exhausted: Seldom::default(),
                settings,
            },
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Whether it is PostgreSQL or SQLite.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.inner.backend
    }

    /// How full the pool is at this moment.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        self.pools()
            .map(|pool| PoolStatus::from(pool.status()))
            .fold(PoolStatus::default(), PoolStatus::and)
    }

    /// Connections that a transaction or a stream has held for longer than `DATABASE_LONG_HOLD_SECS`, and still does.
    #[must_use]
    pub fn long_held(&self) -> usize {
        // both pools of a SQLite database share what they know
        self.inner.main.manager().shared.holds.long()
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    ///
    /// [`DbErr`] if no connection was to be had, or the server didn't answer.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let sql = "SELECT 1"; // so SQLite's writer, who may be busy for long, isn't asked
        self.acquire_for(sql).await?.simple(sql).await.map(drop)
    }

    /// Closes the pool: from now on nobody gets a connection, idle ones are closed at once, and those in use when they come back,
    /// for which this waits a while.
    pub async fn close(&self) {
        self.close_within(CLOSE_LIMIT).await;
    }

    /// The same, within this time: connections that are not closed by then are left to what uses them.
    pub async fn close_within(&self, limit: Duration) {
        let mut idle = Vec::new();
        for pool in self.pools() {
            idle.extend(pool.retain(|_, _| false).removed);
            pool.close();
            pool.manager().openings.forget_older_than(Duration::ZERO);
        }
        let all_closed = async {
            join_all(idle.into_iter().map(Connection::close)).await;
            while self.pools().any(|pool| pool.status().size > 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(limit, all_closed).await.is_err() {
            let in_use = self.status().size;
            tracing::warn!(in_use, "the pool was closed while connections were in use");
        }
    }

    /// Runs `work` in a transaction: committed if it ends well, rolled back if it returns an error.
    ///
    /// A future that is dropped midway rolls back, too. On SQLite only one transaction runs at a time, so keep them short, and
    /// use nothing but the transaction in `work`: a statement on the pool itself would wait for it.
    ///
    /// ```no_run
    /// # use app::core::database::{DataError, Database};
    /// # use sea_orm::{ConnectionTrait, Statement};
    /// # async fn example(database: Database) -> Result<(), DataError> {
    /// let change = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
    /// let change = |by, id| Statement::from_sql_and_values(database.backend(), change, [by, id]);
    /// database
    ///     .transaction(async |tx| {
    ///         tx.execute_raw(change((-1).into(), 1.into())).await?;
    ///         tx.execute_raw(change(1.into(), 2.into())).await?;
    ///         Ok(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` returned; or, made into the same type, that no connection was to be had or that the commit failed.
    #[track_caller]
    pub fn transaction<T, E>(
        &self,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, E>>
    where
        E: From<DbErr>,
    {
        self.run(TransactionOptions::default(), work)
    }

    /// Runs `work`, which may only read, on one state of the database: what others commit meanwhile is not seen, so what
    /// several statements read fits together.
    ///
    /// Nobody waits for it, and it waits for nobody: on SQLite it has one of the connections that read.
    ///
    /// # Errors
    ///
    /// What `work` returned; or, made into the same type, that no connection was to be had.
    #[track_caller]
    pub fn snapshot<T, E>(
        &self,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, E>>
    where
        E: From<DbErr>,
    {
        let options = TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        };
        self.run(options, work)
    }

    /// Not `async` itself, so that it knows who calls: if the transaction lasts for long, the log says where it was begun.
    #[track_caller]
    fn run<T, E>(
        &self,
        options: TransactionOptions,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, E>>
    where
        E: From<DbErr>,
    {
        let begun_at = Work::TransactionAt(Location::caller());
        async move {
            let transaction = self.begin_for(begun_at, options).await?;
            transaction.run(work).await
        }
    }

    pub(super) async fn begin_transaction(
        &self,
        options: TransactionOptions,
    ) -> Result<Transaction, DbErr> {
        self.begin_for(Work::Transaction, options).await
    }

    async fn begin_for(
        &self,
        work: Work,
        options: TransactionOptions,
    ) -> Result<Transaction, DbErr> {
        let pool = self.pool_for_transaction(options);
        let mut guard = self.acquire_from(pool).await?.keep_for(work);
        guard.begin(options).await?;
        Ok(Transaction::new(guard, self.inner.backend))
    }

    /// A connection for one statement.
    pub(super) async fn acquire_for(&self, sql: &str) -> Result<Guard, DbErr> {
        self.acquire_from(self.pool_for(sql)).await
    }

    /// A connection that may write.
    pub(super) async fn acquire(&self) -> Result<Guard, DbErr> {
        self.acquire_from(&self.inner.main).await
    }

    async fn acquire_from(&self, pool: &Pool) -> Result<Guard, DbErr> {
        let limit = self.inner.settings.acquire_timeout;
        let begun = Instant::now();
        // one limit for waiting, opening and pinging together: deadpool's own would add up
        let span = tracing::debug_span!(target: SPANS, "checkout", otel.kind = "internal");
        let acquired = tokio::time::timeout(limit, pool.get().instrument(span)).await;
        let timed_out = matches!(acquired, Err(_) | Ok(Err(PoolError::Timeout(_))));
        let instruments = &pool.manager().shared.instruments;
        let now = Instant::now();
        instruments.waited(now - begun, timed_out);
        match acquired {
            Ok(Ok(object)) => {
                self.keep_warm();
                Ok(Guard::new(object, now))
            }
            Err(_) | Ok(Err(PoolError::Timeout(_))) => {
                let status = PoolStatus::from(pool.status());
                self.inner.exhausted.warn_of_no_connection(status, limit);
                Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
            }
            Ok(Err(PoolError::Closed)) => {
                Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))
            }
            Ok(Err(PoolError::Backend(error))) => {
                Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
            }
            Ok(Err(error)) => Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))),
        }
    }

    /// Starts the keeper, once the first connection shows that there is something to keep.
    fn keep_warm(&self) {
        self.inner.keeper.get_or_init(|| {
            let policy = self.inner.settings.policy();
            let main = (self.inner.main.weak(), self.inner.main_policy(policy));
            let kept = std::iter::once(main);
            #[cfg(feature = "sqlite")]
            let kept = kept.chain(self.inner.readers.iter().map(|pool| (pool.weak(), policy)));
            Keeper::start(kept.collect())
        });
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    fn pools(&self) -> impl Iterator<Item = &Pool> {
        let pools = std::iter::once(&self.inner.main);
        #[cfg(feature = "sqlite")]
        let pools = pools.chain(&self.inner.readers);
        pools
    }

    #[cfg(feature = "sqlite")]
    fn pool_for(&self, sql: &str) -> &Pool {
        match &self.inner.readers {
            Some(readers) if sqlite::role_of_statement(sql) == Role::Reader => readers,
            _ => &self.inner.main,
        }
    }

    #[cfg(feature = "sqlite")]
    fn pool_for_transaction(&self, options: TransactionOptions) -> &Pool {
        match &self.inner.readers {
            Some(readers) if sqlite::role_of_transaction(options) == Role::Reader => readers,
            _ => &self.inner.main,
        }
    }

    #[cfg(not(feature = "sqlite"))]
    fn pool_for(&self, _: &str) -> &Pool {
        &self.inner.main
    }

    #[cfg(not(feature = "sqlite"))]
    fn pool_for_transaction(&self, _: TransactionOptions) -> &Pool {
        &self.inner.main
    }
}

impl Inner {
    /// A SQLite writer is one connection, whatever the minimum of the pool.
    fn main_policy(&self, policy: Policy) -> Policy {
        Policy {
            min_size: policy.min_size.min(self.main.status().max_size),
            ..policy
        }
    }
}

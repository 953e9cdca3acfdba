//! What the pool asks for: a new connection, and whether an idle one is still good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use deadpool::{
    Runtime,
    managed::{self, Metrics, Pool, QueueMode, RecycleError, RecycleResult},
};
use sea_orm::{DbErr, RuntimeErr, sqlx};

#[cfg(feature = "sqlite")]
use super::sqlite::{Lite, Role};
use super::{
    connection::{Connection, Raw},
    holds::Holds,
    metrics::Instruments,
    opening::Openings,
    postgres::{Pg, Server},
    settings::Settings,
    status::Seldom,
};

/// How long an idle connection may take to answer that it is still there.
const PING_LIMIT: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// Set while connections are taken out of the pool to be put back as they are: nobody has to know whether they are good.
    pub(super) static UNTRIED: ();
}

/// What all connections of a database have in common.
pub(super) struct Shared {
    /// Goes up whenever a connection breaks. A connection that was last seen good before that is asked once at its next
    /// checkout whether it is still there, so that a restart of the server costs one failed request and not one per connection.
    generation: AtomicU64,
    pub(super) command_timeout: Option<Duration>,
    pub(super) slow_statement: Duration,
    pub(super) acquire_timeout: Duration,
    /// Whether statements stay prepared. Behind a pooler they don't: another client may have the server next.
    pub(super) keep_prepared: bool,
    pub(super) instruments: Instruments,
    pub(super) no_server: Seldom,
    pub(super) holds: Arc<Holds>,
}

impl Shared {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            generation: AtomicU64::new(0),
            command_timeout: Some(settings.command_timeout),
            slow_statement: settings.slow_statement,
            acquire_timeout: settings.acquire_timeout,
            keep_prepared: !settings.pooled,
            instruments: Instruments::new(),
            no_server: Seldom::default(),
            holds: Arc::new(Holds::new(settings.long_hold)),
        }
    }

    /// One connection broke: the others may have, too.
    pub(super) fn doubt_all(&self) {
        self.generation.fetch_add(1, Relaxed);
    }
}

/// Where connections lead to.
#[derive(Clone)]
pub(super) enum Target {
    /// A PostgreSQL server.
    Postgres(Box<Server>),
    /// A SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(Box<sqlx::sqlite::SqliteConnectOptions>, Role),
}

/// Opens connections, and decides whether an idle one is handed out.
pub(super) struct Manager {
    pub(super) target: Target,
    pub(super) shared: Arc<Shared>,
    /// A connection older than this is replaced.
    pub(super) max_age: Duration,
    /// A connection idle for longer than this is asked whether it is still there.
    pub(super) ping_after: Duration,
    pub(super) openings: Openings,
}

impl Manager {
    /// Gives up connections that were begun and that nobody waits for any more.
    pub(super) fn forget_openings(&self) {
        self.openings.forget_older_than(self.shared.acquire_timeout);
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Connection, sqlx::Error> {
        let opening = self.openings.open(self.shared.acquire_timeout, || {
            // read when it begins: if another breaks before its end, this one is doubted, too
            let generation = self.shared.generation.load(Relaxed);
            let opening = open(self.target.clone(), Arc::clone(&self.shared));
            async move { Ok((opening.await?, generation)) }
        });
        let (raw, generation) = opening.await?;
        Ok(Connection::new(raw, Arc::clone(&self.shared), generation))
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        metrics: &Metrics,
    ) -> RecycleResult<sqlx::Error> {
        // a guard puts back only what is reusable; but its work may be cut short by the end of its runtime
        if !connection.is_reusable() {
            return Err(RecycleError::message("left in the middle of something"));
        }
        if metrics.age() >= self.max_age {
            return Err(RecycleError::message("too old"));
        }
        if UNTRIED.try_with(|()| ()).is_ok() {
            return Ok(());
        }
        let generation = self.shared.generation.load(Relaxed);
        if connection.generation != generation || connection.idle_for() >= self.ping_after {
            let ping = tokio::time::timeout(PING_LIMIT, connection.ping());
            let answered = Box::pin(ping).await;
            answered.map_err(|_| RecycleError::message("no answer to a ping"))??;
            connection.generation = generation;
        }
        Ok(())
    }
}

async fn open(target: Target, shared: Arc<Shared>) -> Result<Raw, sqlx::Error> {
    let begun = Instant::now();
    let raw = match target {
        Target::Postgres(server) => {
            Raw::Postgres(Pg::connect(&server, shared.command_timeout).await?)
        }
        #[cfg(feature = "sqlite")]
        Target::Sqlite(options, role) => Raw::Sqlite(Lite::connect(&options, role).await?),
    };
    shared.instruments.create_time.record(begun.elapsed());
    Ok(raw)
}

/// An empty pool of connections to the target.
pub(super) fn pool(
    settings: &Settings,
    shared: &Arc<Shared>,
    target: Target,
    max_size: usize,
) -> Result<Pool<Manager>, DbErr> {
    let manager = Manager {
        target,
        shared: Arc::clone(shared),
        max_age: settings.max_age,
        ping_after: settings.ping_after,
        openings: Openings::default(),
    };
    Pool::builder(manager)
        .max_size(max_size)
        // the last one back is the first one out, so that those beyond need lie idle and can be closed
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))
}

//! One connection, and what is known about its state.
//!
//! A statement is a pair of [`start`](Connection::start) and [`finish`](Connection::finish). Whoever drops the future in between
//! leaves the connection *in flight*: nobody knows what the server will still send on it, so it can only be closed. The state
//! belongs to the connection and not to whoever borrows it, since a transaction borrows it for many statements.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr, TransactionOptions,
    sqlx::{self, Connection as _},
};

#[cfg(feature = "sqlite")]
use super::sqlite::Lite;
use super::{
    manager::Shared,
    postgres::Pg,
    statement::{Rows, Running, Verdict, verdict},
};

/// A connection to one of the databases that the service can be run on.
pub(super) enum Raw {
    /// To a PostgreSQL server.
    Postgres(Pg),
    /// To a SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(Lite),
}

impl Raw {
    /// What OpenTelemetry calls it.
    fn system(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgresql",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "sqlite",
        }
    }
}

/// Runs one expression on whichever connection it is: sqlx's traits can't be used as objects.
macro_rules! on {
    ($raw:expr, $connection:ident => $run:expr) => {
        match $raw {
            Raw::Postgres(pg) => {
                let $connection = pg.connection();
                $run
            }
            #[cfg(feature = "sqlite")]
            Raw::Sqlite(lite) => {
                let $connection = lite.connection();
                $run
            }
        }
    };
}

pub(super) use on;

/// One connection of the pool.
pub(super) struct Connection {
    /// Nothing, once it has been closed.
    raw: Option<Raw>,
    /// A statement has been started whose end nobody has seen.
    in_flight: bool,
    /// Open transactions: 1 for `BEGIN`, one more for each savepoint.
    depth: usize,
    /// A statement of the open transaction failed, so PostgreSQL will roll it back whatever is asked for.
    aborted: bool,
    /// Raw SQL ran on it, which may have left settings or an open transaction that we know nothing of.
    pub(super) unknown_session: bool,
    /// What [`Shared::generation`] was when this connection was last known to be good.
    pub(super) generation: u64,
    idle_since: Instant,
    pub(super) shared: Arc<Shared>,
}

impl Connection {
    pub(super) fn new(raw: Raw, shared: Arc<Shared>, generation: u64) -> Self {
        Self {
            raw: Some(raw),
            in_flight: false,
            depth: 0,
            aborted: false,
            unknown_session: false,
            generation,
            idle_since: Instant::now(),
            shared,
        }
    }

    /// Whether the next user would find it as if it were new.
    pub(super) fn is_reusable(&self) -> bool {
        self.raw.is_some() && !self.in_flight && self.depth == 0 && !self.unknown_session
    }

    /// Whether all it takes to make it reusable is to roll back its transaction.
    pub(super) fn can_roll_back(&self) -> bool {
        self.raw.is_some() && !self.in_flight && !self.unknown_session
    }

    /// What OpenTelemetry calls its database.
    pub(super) fn system(&self) -> &'static str {
        self.raw.as_ref().map_or("", Raw::system)
    }

    /// How many transactions are open, one inside the other.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    fn is_pooled(&self) -> bool {
        matches!(&self.raw, Some(Raw::Postgres(pg)) if pg.is_pooled())
    }

    /// From here on it is closed instead of being reused.
    pub(super) fn condemn(&mut self) {
        self.in_flight = true;
    }

    /// Takes [`condemn`](Self::condemn) back.
    pub(super) fn pardon(&mut self) {
        self.in_flight = false;
    }

    pub(super) fn idle_since(&mut self, now: Instant) {
        self.idle_since = now;
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Closes the connection as the protocol asks for: for one that is idle.
    pub(super) async fn close(mut self) {
        let closed = match self.raw.take() {
            Some(Raw::Postgres(pg)) => pg.close().await,
            #[cfg(feature = "sqlite")]
            Some(Raw::Sqlite(lite)) => lite.close().await,
            None => Ok(()),
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "an idle connection was gone before it was closed");
        }
    }

    /// Takes the connection out, to close it in the middle of something.
    pub(super) fn take_raw(&mut self) -> Option<Raw> {
        self.raw.take()
    }

    /// From here to [`finish`](Self::finish) the connection is unfit for anybody else.
    pub(super) fn start(&mut self) -> Result<&mut Raw, DbErr> {
        if self.in_flight {
            return Err(misuse(
                "the connection is broken: an earlier statement on it was cut off or lost the server",
            ));
        }
        let raw = self
            .raw
            .as_mut()
            .ok_or_else(|| misuse("the connection is closed"))?;
        self.in_flight = true;
        #[cfg(feature = "sqlite")]
        if let Raw::Sqlite(lite) = raw {
            lite.stop().arm(self.shared.command_timeout);
        }
        Ok(raw)
    }

    /// The statement has ended, well or with an error: what does that leave behind?
    pub(super) fn finish<T: Rows>(
        &mut self,
        outcome: Result<T, sqlx::Error>,
        running: &Running,
        kind: fn(RuntimeErr) -> DbErr,
    ) -> Result<T, DbErr> {
        #[cfg(feature = "sqlite")]
        if let Some(Raw::Sqlite(lite)) = &self.raw {
            lite.stop().disarm();
        }
        running.ended(&outcome, &self.shared);
        match outcome {
            Ok(value) => {
                self.in_flight = false;
                Ok(value)
            }
            Err(error) => {
                match verdict(&error, self.depth) {
                    Verdict::Unharmed => self.in_flight = false,
                    Verdict::TransactionAborted => {
                        self.in_flight = false;
                        self.aborted = true;
                    }
                    // in_flight stays, so that it is closed
                    Verdict::Broken => self.shared.doubt_all(),
                }
                Err(kind(RuntimeErr::SqlxError(Arc::new(error))))
            }
        }
    }

    /// Before a statement. Behind a pooler one outside a transaction gets its own, which brings our settings along; whether it did
    /// is for [`leave`](Self::leave) to know.
    pub(super) async fn enter(&mut self) -> Result<bool, DbErr> {
        if !self.is_pooled() || self.depth > 0 {
            return Ok(false);
        }
        Box::pin(self.begin(TransactionOptions::default())).await?;
        Ok(true)
    }

    /// After a statement: ends the transaction that it got.
    pub(super) async fn leave<T>(
        &mut self,
        entered: bool,
        outcome: Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        if entered && outcome.is_ok() {
            Box::pin(self.commit()).await?;
        } else if entered && !self.in_flight {
            // why the statement failed says more
            let _ = Box::pin(self.rollback()).await;
        }
        outcome
    }

    /// Asks the server whether it is still there.
    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match &mut self.raw {
            Some(raw) => on!(raw, connection => connection.ping().await),
            None => Err(sqlx::Error::PoolClosed),
        }
    }

    /// Opens a transaction, or a savepoint in the one that is open.
    ///
    /// If the future is dropped midway, the connection stays in flight, so it never looks idle with a transaction open.
    pub(super) async fn begin(&mut self, options: TransactionOptions) -> Result<(), DbErr> {
        let sql = match (&self.raw, self.depth) {
            (Some(Raw::Postgres(pg)), 0) => pg.begin(options),
            #[cfg(feature = "sqlite")]
            (Some(Raw::Sqlite(lite)), 0) => lite.begin(options).to_owned(),
            (_, depth) => format!("SAVEPOINT s{}", depth + 1),
        };
        if self.is_pooled() && self.depth == 0 {
            self.begin_at_pooler(sql).await?;
        } else {
            self.simple(sql).await?;
        }
        self.depth += 1;
        Ok(())
    }

    /// Only here a pooler looks for a server, and if none is free or there, it lets us wait for minutes.
    async fn begin_at_pooler(&mut self, sql: String) -> Result<(), DbErr> {
        let limit = self.shared.acquire_timeout;
        if let Ok(begun) = tokio::time::timeout(limit, self.simple(sql)).await {
            if begun.is_err() {
                // the transaction may have begun before one of our settings was refused
                self.condemn();
            }
            return begun.map(drop);
        }
        self.shared.no_server.warn_of_no_server(limit);
        Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
    }

    /// Commits the innermost transaction.
    pub(super) async fn commit(&mut self) -> Result<(), DbErr> {
        match self.depth {
            0 => Err(misuse("no transaction is open")),
            // PostgreSQL answers the COMMIT of a failed transaction with success, and rolls it back
            1 if self.aborted => {
                self.rollback().await?;
                Err(misuse(
                    "the transaction was rolled back, since an earlier statement in it failed",
                ))
            }
            1 => {
                let outcome = self.simple("COMMIT").await;
                // A COMMIT that PostgreSQL refuses (a deferred constraint) has ended the transaction. SQLite leaves it open.
                if outcome.is_ok() || matches!(self.raw, Some(Raw::Postgres(_))) && !self.in_flight
                {
                    (self.depth, self.aborted) = (0, false);
                }
                outcome.map(drop)
            }
            depth => {
                self.simple(format!("RELEASE SAVEPOINT s{depth}")).await?;
                self.depth -= 1;
                Ok(())
            }
        }
    }

    /// Rolls back the innermost transaction.
    pub(super) async fn rollback(&mut self) -> Result<(), DbErr> {
        self.rollback_to(self.depth).await
    }

    /// Rolls back the transaction of this depth, and with it those inside it.
    pub(super) async fn rollback_to(&mut self, depth: usize) -> Result<(), DbErr> {
        if depth <= 1 {
            self.simple("ROLLBACK").await?;
        } else {
            self.simple(format!(
                "ROLLBACK TO SAVEPOINT s{depth}; RELEASE SAVEPOINT s{depth}"
            ))
            .await?;
        }
        (self.depth, self.aborted) = (depth.saturating_sub(1), false);
        Ok(())
    }
}

/// The connection was asked for what it can't do in its state.
pub(super) fn misuse(message: &str) -> DbErr {
    DbErr::Exec(RuntimeErr::Internal(message.to_owned()))
}

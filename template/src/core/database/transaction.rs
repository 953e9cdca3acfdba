//! Transactions, and savepoints inside them.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use sea_orm::{DbBackend, DbErr, TransactionOptions, TransactionSession};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{connection::misuse, guard::Guard};

/// Says that no inner transaction waits to be rolled back.
const NONE: usize = usize::MAX;

/// An open transaction. It ends with [`commit`](TransactionSession::commit) or [`rollback`](TransactionSession::rollback);
/// dropping it rolls back, too.
///
/// One begun inside another is a savepoint. It has no lifetime: the inner ones share their connection with the outermost.
pub struct Transaction {
    shared: Arc<SharedTransaction>,
    /// 1 for the outermost.
    depth: usize,
    /// Neither committed nor rolled back.
    open: bool,
}

struct SharedTransaction {
    backend: DbBackend,
    guard: Arc<Mutex<Guard>>,
    /// The outermost savepoint that was dropped without an end. Dropping can't wait for the server, so the next statement sees
    /// to it before it does anything else.
    rollback_to: AtomicUsize,
    /// A stream of this transaction has the connection.
    streaming: AtomicBool,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(super) fn new(guard: Guard, backend: DbBackend) -> Self {
        Self {
            shared: Arc::new(SharedTransaction {
                backend,
                guard: Arc::new(Mutex::new(guard)),
                rollback_to: AtomicUsize::new(NONE),
                streaming: AtomicBool::new(false),
            }),
            depth: 1,
            open: true,
        }
    }

    /// Whether it is PostgreSQL or SQLite.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.shared.backend
    }

    /// Runs `work` in a savepoint of this transaction: kept if it ends well, undone if it returns an error.
    ///
    /// # Errors
    ///
    /// What `work` returned; or, made into the same type, that the savepoint could not be set or released.
    pub async fn transaction<T, E>(
        &self,
        work: impl AsyncFnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DbErr>,
    {
        let inner = self.begin_nested(TransactionOptions::default()).await?;
        inner.run(work).await
    }

    /// Runs `work` in this transaction, and ends it accordingly.
    pub(super) async fn run<T, E>(
        self,
        work: impl AsyncFnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DbErr>,
    {
        // boxed, or the future of every caller would be as large as all that is done in the transaction
        match Box::pin(work(&self)).await {
            Ok(value) => {
                self.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // the caller wants to know why the work failed; the connection sees to itself
                if let Err(rollback) = self.rollback().await {
                    tracing::debug!(error = %rollback, "a transaction that failed could not be rolled back");
                }
                Err(error)
            }
        }
    }

    pub(super) async fn begin_nested(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        self.innermost().await?.begin(options).await?;
        Ok(Self {
            shared: Arc::clone(&self.shared),
            depth: self.depth + 1,
            open: true,
        })
    }

    /// The connection, for one statement.
    pub(super) async fn connection(&self) -> Result<OwnedMutexGuard<Guard>, DbErr> {
        if self.shared.streaming.load(SeqCst) {
            // waiting for it would be waiting for ever, if the caller holds both
            return Err(misuse("a stream of this transaction is still open"));
        }
        let mut guard = Arc::clone(&self.shared.guard).lock_owned().await;
        let dropped = self.shared.rollback_to.swap(NONE, SeqCst);
        if dropped <= guard.depth() {
            guard.rollback_to(dropped).await?;
        }
        if self.depth > guard.depth() {
            return Err(misuse("this transaction has ended with the one around it"));
        }
        Ok(guard)
    }

    /// The connection, to begin or end a transaction on it.
    async fn innermost(&self) -> Result<OwnedMutexGuard<Guard>, DbErr> {
        let guard = self.connection().await?;
        if guard.depth() != self.depth {
            return Err(misuse("a transaction inside this one is still open"));
        }
        Ok(guard)
    }

    /// The connection, for as long as rows are read from it.
    pub(super) async fn streaming_connection(&self) -> Result<Streaming, DbErr> {
        let guard = self.connection().await?;
        self.shared.streaming.store(true, SeqCst);
        Ok(Streaming {
            guard,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // the outermost ends with its guard
        if self.open && self.depth > 1 {
            self.shared.rollback_to.fetch_min(self.depth, SeqCst);
        }
    }
}

#[async_trait::async_trait]
impl TransactionSession for Transaction {
    async fn commit(mut self) -> Result<(), DbErr> {
        self.innermost().await?.commit().await?;
        self.open = false;
        Ok(())
    }

    async fn rollback(mut self) -> Result<(), DbErr> {
        self.innermost().await?.rollback().await?;
        self.open = false;
        Ok(())
    }
}

/// A transaction's connection while a stream uses it.
pub(super) struct Streaming {
    guard: OwnedMutexGuard<Guard>,
    shared: Arc<SharedTransaction>,
}

impl Deref for Streaming {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        &self.guard
    }
}

impl DerefMut for Streaming {
    fn deref_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.shared.streaming.store(false, SeqCst);
    }
}

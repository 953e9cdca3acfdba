//! What a piece of work takes from the pool.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static CURRENT: Checkouts;
}

/// Counts the connections that a piece of work takes from the pool, and how many it holds at a time. Clones count together.
///
/// ```
/// # use app::core::database::{Checkouts, Database};
/// # async fn example(database: Database) -> Result<(), sea_orm::DbErr> {
/// let checkouts = Checkouts::default();
/// checkouts.clone().scope(database.ping()).await?;
/// assert_eq!((checkouts.taken(), checkouts.peak(), checkouts.held()), (1, 1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Checkouts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    held: AtomicU64,
    peak: AtomicU64,
}

impl Checkouts {
    /// Those of the work that the current task is doing, if somebody counts them. Tasks that it spawned count only if they run in its
    /// [`scope`](Self::scope), too.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Counts what `work` takes.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// Connections that were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Relaxed)
    }

    /// Connections that are held now.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.0.held.load(Relaxed)
    }

    /// The most connections that were held at a time.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Relaxed)
    }

    /// A connection was taken.
    pub(super) fn take() -> Option<Held> {
        CURRENT.try_with(|current| Held::new(current.clone())).ok()
    }
}

/// A connection that counts as held until this is dropped, wherever that happens.
pub(super) struct Held(Checkouts);

impl Held {
    fn new(checkouts: Checkouts) -> Self {
        let counts = &checkouts.0;
        counts.taken.fetch_add(1, Relaxed);
        let held = counts.held.fetch_add(1, Relaxed) + 1;
        counts.peak.fetch_max(held, Relaxed);
        Self(checkouts)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.held.fetch_sub(1, Relaxed);
    }
}

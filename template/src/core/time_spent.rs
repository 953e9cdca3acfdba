//! Where the time of the request that is being answered goes: to the database, and to waiting for a connection to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static CURRENT: TimeSpent;
}

/// Adds up what work for a request took. What runs at the same time counts each for itself. Clones add to the same sums.
#[derive(Clone, Debug, Default)]
pub struct TimeSpent(Arc<Sums>);

/// In nanoseconds: enough for centuries.
#[derive(Debug, Default)]
struct Sums {
    in_database: AtomicU64,
    waiting: AtomicU64,
}

impl TimeSpent {
    /// That of the request that the current task is answering; `None` outside a request and in tasks it spawned, unless they run in
    /// its [`scope`](Self::scope), too.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Adds what `work` takes.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// Time that its statements took.
    #[must_use]
    pub fn in_database(&self) -> Duration {
        Duration::from_nanos(self.0.in_database.load(Relaxed))
    }

    /// Time that it waited for connections to the database.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        Duration::from_nanos(self.0.waiting.load(Relaxed))
    }

    /// A statement has ended.
    pub(super) fn add_statement(time: Duration) {
        Self::add(time, |sums| &sums.in_database);
    }

    /// A connection was waited for.
    pub(super) fn add_wait(time: Duration) {
        Self::add(time, |sums| &sums.waiting);
    }

    fn add(time: Duration, sum: impl FnOnce(&Sums) -> &AtomicU64) {
        // Outside a request nobody asks.
        let _ = CURRENT.try_with(|spent| {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            sum(&spent.0).fetch_add(nanoseconds, Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_request_spends_adds_up_and_what_others_spend_does_not() {
        let (spent, second) = (TimeSpent::default(), Duration::from_secs(1));
        TimeSpent::add_statement(second);
        let work = async {
            TimeSpent::add_statement(second);
            TimeSpent::add_wait(second * 3);
            tokio::spawn(async move { TimeSpent::add_wait(second) })
                .await
                .unwrap();
            let given = TimeSpent::current().unwrap();
            tokio::spawn(given.scope(async move { TimeSpent::add_statement(second) }))
                .await
                .unwrap();
        };
        spent.clone().scope(work).await;
        assert_eq!(spent.in_database(), second * 2);
        assert_eq!(spent.waiting(), second * 3);
    }
}

//! When the request that is being answered must be over: work for it that goes on longer is work for nobody.

use std::time::Duration;

use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;

tokio::task_local! {
    static CURRENT: Deadline;
}

/// A moment at which something must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The deadline of the request that the current task is answering: `SERVER_REQUEST_TIMEOUT_SECS` after it came, or earlier if its
    /// `X-Request-Timeout` says so. `None` outside a request and in tasks it spawned.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|deadline| *deadline).ok()
    }

    /// The moment itself.
    #[must_use]
    pub fn at(self) -> Instant {
        self.0
    }

    /// The time that is left; zero once it is over.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Runs `work` as the answer to a request with this deadline. It does not end the work.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_knows_how_long_it_may_work() {
        assert_eq!(Deadline::current(), None);
        let limit = Duration::from_mins(1);
        let work = async { Deadline::current().map(Deadline::left) };
        let left = Deadline::after(limit).scope(work).await.unwrap();
        assert!(left > Duration::ZERO && left <= limit, "{left:?}");

        let over = Deadline::after(Duration::ZERO);
        let work = async { Deadline::current().map(Deadline::left) };
        assert_eq!(over.scope(work).await, Some(Duration::ZERO));
    }
}

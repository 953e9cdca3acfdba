//! The background task that keeps the pool warm: it closes what has been idle for long, and keeps a minimum open. It also looks for
//! connections that are held for long.

use std::{pin::pin, task::Poll, time::Duration};

use deadpool::managed::{Pool, PoolError, Timeouts, WeakPool};
use futures::poll;
use sea_orm::sqlx;
use tokio::task::JoinHandle;

use super::manager::{Manager, UNTRIED};

/// How often the pool is looked after, at most and at least.
const TICK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Ends the task when the pool is closed or dropped.
pub(super) struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// Connections that stay open even if nobody uses them.
    pub(super) min_size: usize,
    /// A connection that nobody has used for this long is closed, down to the minimum.
    pub(super) idle_limit: Duration,
    /// A connection older than this is closed, and replaced if the minimum needs it.
    pub(super) max_age: Duration,
    /// How long opening a connection may take.
    pub(super) connect_limit: Duration,
    /// From when on it is worth a line that somebody keeps a connection; never, if it is zero.
    pub(super) long_hold: Duration,
}

impl Keeper {
    /// Starts the task. It holds the pools weakly: a database that is dropped without having been closed goes away all the same.
    pub(super) fn start(pools: Vec<(WeakPool<Manager>, Policy)>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                for (pool, policy) in &pools {
                    let Some(pool) = pool.upgrade() else { return };
                    if pool.is_closed() {
                        return;
                    }
                    pool.manager().forget_openings();
                    pool.manager().shared.holds.tell();
                    reap(&pool, *policy).await;
                    warm(&pool, *policy).await;
                }
                let tick = pools.iter().map(|(_, policy)| policy.tick()).min();
                tokio::time::sleep(tick.unwrap_or(TICK.1)).await;
            }
        }))
    }
}

impl Policy {
    fn tick(self) -> Duration {
        let shortest = [self.idle_limit, self.max_age, self.long_hold];
        let shortest = shortest.into_iter().filter(|time| !time.is_zero()).min();
        (shortest.unwrap_or_default() / 4).clamp(TICK.0, TICK.1)
    }
}

/// Closes what has been idle for too long, but leaves the minimum, and what is too old.
async fn reap(pool: &Pool<Manager>, policy: Policy) {
    let mut spare = pool.status().size.saturating_sub(policy.min_size);
    let outcome = pool.retain(|connection, metrics| {
        let idle = spare > 0 && connection.idle_for() >= policy.idle_limit;
        if idle || metrics.age() >= policy.max_age {
            spare = spare.saturating_sub(1);
            return false;
        }
        true
    });
    for connection in outcome.removed {
        connection.close().await;
    }
}

/// Opens connections until the minimum is there, one after the other. Never waits for a place: if all are taken, or somebody waits
/// for one, nothing needs to be warmed.
async fn warm(pool: &Pool<Manager>, policy: Policy) {
    while pool.status().size < policy.min_size && pool.status().waiting == 0 {
        if let Err(error) = open_another(pool, policy.connect_limit).await {
            tracing::debug!(%error, "could not open a connection ahead of need");
            break;
        }
    }
}

/// Opens a connection although others may be idle.
///
/// The pool hands out idle ones before it opens another. So they are taken out, and put back as soon as the pool has begun to
/// open: all of that without a pause, or requests would wait for a connection that may take long or never come while good ones
/// were held here.
async fn open_another(pool: &Pool<Manager>, limit: Duration) -> Result<(), PoolError<sqlx::Error>> {
    let timeouts = Timeouts {
        wait: Some(Duration::ZERO),
        create: Some(limit),
        recycle: Some(limit),
    };
    let mut idle = Vec::new();
    loop {
        let mut getting = pin!(UNTRIED.scope((), pool.timeout_get(&timeouts)));
        match poll!(&mut getting) {
            Poll::Ready(connection) => idle.push(connection?),
            Poll::Pending => {
                drop(idle);
                return getting.await.map(drop);
            }
        }
    }
}

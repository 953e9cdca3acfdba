//! The background task that keeps the pool warm: it closes what has been idle for long, and keeps a minimum open.

use std::time::Duration;

use deadpool::managed::{Pool, Timeouts, WeakPool};
use tokio::task::JoinHandle;

use super::manager::Manager;

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
        (self.idle_limit.min(self.max_age) / 4).clamp(TICK.0, TICK.1)
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

/// Opens connections until the minimum is there. Never waits for a place: if all are taken, nothing needs to be warmed.
async fn warm(pool: &Pool<Manager>, policy: Policy) {
    let at_once = Timeouts {
        wait: Some(Duration::ZERO),
        create: Some(policy.connect_limit),
        recycle: Some(policy.connect_limit),
    };
    // the pool hands out idle ones before it opens another, so those are held until the minimum is reached
    let mut held = Vec::new();
    while pool.status().size < policy.min_size && held.len() < policy.min_size {
        match pool.timeout_get(&at_once).await {
            Ok(connection) => held.push(connection),
            Err(error) => {
                tracing::debug!(%error, "could not open a connection ahead of need");
                break;
            }
        }
    }
}

//! What the lab answers. It has no table.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::core::database::{Database, PoolStatus};

/// What a pattern took from the pool.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PatternOut {
    /// Connections that it took from the pool.
    pub checkouts: u64,
    /// The most that it held at a time.
    pub peak: u64,
    /// How many it held while it waited for something else than the database; absent if it didn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub held_while_waiting: Option<u64>,
    /// How many it still held when the answer was made.
    pub still_held: u64,
    /// How long it took, in milliseconds.
    #[schema(example = 102.4)]
    pub duration_ms: f64,
}

/// How full the pool is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolOut {
    /// Connections that it may hold.
    pub max_size: usize,
    /// Connections that it holds.
    pub size: usize,
    /// Connections that somebody uses.
    pub in_use: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// Connections that were held for longer than `DATABASE_LONG_HOLD_SECS`, and still are.
    pub long_held: usize,
}

impl From<&Database> for PoolOut {
    fn from(database: &Database) -> Self {
        let status = database.status();
        let in_use = status.in_use();
        let PoolStatus {
            max_size,
            size,
            idle,
            waiting,
        } = status;
        Self {
            max_size,
            size,
            in_use,
            idle,
            waiting,
            long_held: database.long_held(),
        }
    }
}

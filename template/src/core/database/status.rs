//! What the pool is doing at this moment.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use deadpool::Status;

use super::statement::millis;

/// An outage fails every request: a line a second says enough.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// How full the pool is. The numbers are read one after the other, so under load they can disagree by one or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections the pool may hold.
    pub max_size: usize,
    /// Connections it holds, in use or idle, including those whose server process is still being ended.
    pub size: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Callers that wait for a connection, or for one to be opened.
    pub waiting: usize,
}

impl PoolStatus {
    /// Connections that somebody uses.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.size.saturating_sub(self.idle)
    }

    /// Both pools of a SQLite database, seen as one.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            max_size: self.max_size + other.max_size,
            size: self.size + other.size,
            idle: self.idle + other.idle,
            waiting: self.waiting + other.waiting,
        }
    }
}

impl From<Status> for PoolStatus {
    fn from(status: Status) -> Self {
        Self {
            max_size: status.max_size,
            size: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }
}

/// What is worth a line in the log now and then, however often it happens.
#[derive(Default)]
pub(super) struct Seldom(Mutex<Said>);

#[derive(Default)]
struct Said {
    last: Option<Instant>,
    /// How often it was not said since.
    unsaid: u64,
}

impl Seldom {
    /// Whether it is time for a line; then, how often there was none since the last.
    fn is_due(&self) -> Option<u64> {
        let mut said = self.0.lock().ok()?;
        if said.last.is_some_and(|last| last.elapsed() < SAID_EVERY) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(Instant::now());
        Some(std::mem::take(&mut said.unsaid))
    }

    /// Somebody got no connection in time, and this is how full the pool is.
    pub(super) fn warn_of_no_connection(&self, status: PoolStatus, waited: Duration) {
        if let Some(others) = self.is_due() {
            tracing::warn!(
                size = status.size,
                max_size = status.max_size,
                in_use = status.in_use(),
                waiting = status.waiting,
                waited_ms = millis(waited),
                others,
                "no database connection became free in time"
            );
        }
    }

    /// A pooler gave somebody no server in time.
    pub(super) fn warn_of_no_server(&self, waited: Duration) {
        if let Some(others) = self.is_due() {
            let waited_ms = millis(waited);
            tracing::warn!(waited_ms, others, "the pooler had no server in time");
        }
    }
}

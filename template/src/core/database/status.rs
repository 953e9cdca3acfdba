//! What the pool is doing at this moment.

use deadpool::Status;

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

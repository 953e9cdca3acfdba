//! Ending a statement of SQLite from outside.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Ends a statement from outside. SQLite's worker looks for its caller between two rows only, so dropping the connection would
/// let a statement run on for as long as it takes to its next row.
pub(in crate::core::database) struct Stop {
    stopped: AtomicBool,
    /// Milliseconds after `epoch`; 0 for none.
    deadline: AtomicU64,
    epoch: Instant,
}

impl Stop {
    pub(super) fn new() -> Self {
        Self {
            stopped: AtomicBool::new(false),
            deadline: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    /// From here on the statement has this long.
    pub(in crate::core::database) fn arm(&self, limit: Option<Duration>) {
        let deadline = limit.map_or(0, |limit| self.millis() + millis(limit).max(1));
        self.deadline.store(deadline, Relaxed);
    }

    /// The statement has ended.
    pub(in crate::core::database) fn disarm(&self) {
        self.deadline.store(0, Relaxed);
    }

    /// Ends what runs now and whatever would run later.
    pub(in crate::core::database) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(super) fn lets_go_on(&self) -> bool {
        let deadline = self.deadline.load(Relaxed);
        !self.stopped.load(Relaxed) && (deadline == 0 || self.millis() < deadline)
    }

    fn millis(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_stopped_at_its_deadline_or_when_asked() {
        let stop = Stop::new();
        assert!(stop.lets_go_on());
        stop.arm(Some(Duration::from_hours(1)));
        assert!(stop.lets_go_on());
        stop.arm(Some(Duration::ZERO));
        std::thread::sleep(Duration::from_millis(5));
        assert!(!stop.lets_go_on());
        stop.disarm();
        assert!(stop.lets_go_on());
        stop.stop();
        assert!(!stop.lets_go_on());
    }
}

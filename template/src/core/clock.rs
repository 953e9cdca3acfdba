//! The current time, from a clock that tests can replace.

use chrono::{DateTime, SubsecRound, Utc};

/// Tells the time: the system's, or in tests one that stands still.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(Option<DateTime<Utc>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that always says `time`.
    #[must_use]
    pub fn fixed(time: DateTime<Utc>) -> Self {
        Self(Some(time))
    }

    /// The time in whole microseconds, which is what PostgreSQL keeps: what was written compares equal to what is read back.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.unwrap_or_else(Utc::now).trunc_subsecs(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_cut_to_microseconds() {
        let nanoseconds = DateTime::from_timestamp(1_790_000_000, 123_456_789).unwrap();
        assert_eq!(
            Clock::fixed(nanoseconds).now().to_rfc3339(),
            "2026-09-21T14:13:20.123456+00:00"
        );
    }
}

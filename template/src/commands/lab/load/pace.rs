//! When requests are due.

use std::{ops::Range, time::Duration};

/// Whether a request waits for the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::commands::lab) enum Pace {
    /// Closed loop: each connection sends its next request when it has the answer to its last. A slow service is asked less.
    Closed,
    /// Open loop: so many requests are due each second, whether or not the service keeps up, as with users who don't know of each other.
    Rate(f64),
}

impl Pace {
    /// When the request with this number is due, after the start. In a closed loop none is: it comes when it comes.
    pub(super) fn due(self, number: u64) -> Option<Duration> {
        match self {
            Self::Closed => None,
            Self::Rate(rate) => Some(Duration::from_secs_f64(super::float(number) / rate)),
        }
    }

    /// Of the requests with these numbers, which nobody got to send, those that were due within this time: how long each had waited by then.
    pub(super) fn unsent(
        self,
        numbers: Range<u64>,
        within: Duration,
    ) -> impl Iterator<Item = Duration> {
        numbers
            .map_while(move |number| self.due(number))
            .take_while(move |due| *due < within)
            .map(move |due| within.saturating_sub(due))
    }
}

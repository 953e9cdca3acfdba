//! Connections that somebody keeps for long: forgotten in a task, or held while something else is waited for.
//!
//! Only what can be kept is watched, transactions and streams. A statement on the pool holds its connection no longer than
//! `DATABASE_COMMAND_TIMEOUT_SECS`, so it pays nothing for this.

use std::{
    collections::HashMap,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::Span;

/// All of a database that are kept.
pub(super) struct Holds {
    /// From when on it is long; never, if it isn't said.
    limit: Option<Duration>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// How many there were: the number of the next.
    count: u64,
    by_number: HashMap<u64, Hold>,
}

struct Hold {
    since: Instant,
    work: Work,
    /// That of the request, so that the line in the log has its id.
    span: Span,
    is_told: bool,
}

/// What a connection is kept for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A transaction that a closure is given, begun here.
    TransactionAt(&'static Location<'static>),
    /// A transaction that somebody ends.
    Transaction,
    /// Rows that are read one by one.
    Stream,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::TransactionAt(_) | Self::Transaction => "transaction",
            Self::Stream => "stream",
        }
    }

    fn place(self) -> Option<String> {
        match self {
            Self::TransactionAt(place) => Some(format!("{}:{}", place.file(), place.line())),
            Self::Transaction | Self::Stream => None,
        }
    }
}

impl Holds {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit: (!limit.is_zero()).then_some(limit),
            kept: Mutex::default(),
        }
    }

    /// A connection is kept from now on, until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, work: Work) -> Option<Keeping> {
        self.limit?;
        let hold = Hold {
            since: Instant::now(),
            work,
            span: Span::current(),
            is_told: false,
        };
        let mut kept = self.kept();
        let number = kept.count;
        kept.count += 1;
        kept.by_number.insert(number, hold);
        drop(kept);
        Some(Keeping {
            all: Arc::clone(self),
            number,
        })
    }

    /// How many have been kept for long.
    pub(super) fn long(&self) -> usize {
        let Some(limit) = self.limit else { return 0 };
        let kept = self.kept();
        let mut held = kept.by_number.values().map(|hold| hold.since.elapsed());
        held.by_ref().filter(|held| *held >= limit).count()
    }

    /// Tells of each that has been kept for long, once.
    pub(super) fn tell(&self) {
        let Some(limit) = self.limit else { return };
        let mut kept = self.kept();
        let untold = kept.by_number.values_mut().filter(|hold| !hold.is_told);
        let mut due = Vec::new();
        for hold in untold.filter(|hold| hold.since.elapsed() >= limit) {
            hold.is_told = true;
            due.push((hold.since, hold.work, hold.span.clone()));
        }
        drop(kept);
        for (since, work, span) in due {
            let _request = span.enter();
            tracing::warn!(
                held_secs = since.elapsed().as_secs(),
                work = work.name(),
                place = work.place(),
                "a database connection has been held for long"
            );
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is kept.
pub(super) struct Keeping {
    all: Arc<Holds>,
    number: u64,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let ended = self.all.kept().by_number.remove(&self.number);
        if let Some(hold) = ended.filter(|hold| hold.is_told) {
            let _request = hold.span.enter();
            tracing::info!(
                held_secs = hold.since.elapsed().as_secs(),
                work = hold.work.name(),
                place = hold.work.place(),
                "a database connection that had been held for long was given back"
            );
        }
    }
}

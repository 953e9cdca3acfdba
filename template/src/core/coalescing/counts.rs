//! What a coalescer did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{Counter, Gauge, counter, gauge};

const REQUESTS: &str = "coalescing_requests_total";
const ERRORS: &str = "coalescing_errors_total";
const ACTIVE: &str = "coalescing_active";

crate::register_metrics! {
    counter REQUESTS: "Callers of coalescers: `hit` got what another's load came to, `miss` loaded.", labels ["coalescer", "outcome"];
    counter ERRORS: "Loads of coalescers that failed.", labels ["coalescer"];
    gauge ACTIVE: "Loads of coalescers that are running.", labels ["coalescer"];
}

/// The figures of one coalescer, since the start or since they were reset. As metrics they are never reset.
#[derive(Debug)]
pub struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    active: AtomicU64,
    metrics: Metrics,
}

/// Found once: looking them up for each caller would cost more than counting.
#[derive(Debug)]
struct Metrics {
    hits: Counter,
    misses: Counter,
    errors: Counter,
    active: Gauge,
}

impl Counts {
    pub(super) fn of(coalescer: &'static str) -> Arc<Self> {
        let requests = |outcome| counter!(REQUESTS, "coalescer" => coalescer, "outcome" => outcome);
        let metrics = Metrics {
            hits: requests("hit"),
            misses: requests("miss"),
            errors: counter!(ERRORS, "coalescer" => coalescer),
            active: gauge!(ACTIVE, "coalescer" => coalescer),
        };
        Arc::new(Self {
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            active: AtomicU64::new(0),
            metrics,
        })
    }

    /// Callers that got what another's load came to, or a value that was kept.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Callers that loaded.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses.load(Relaxed)
    }

    /// Loads that came to an error, or panicked.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// Loads that are running.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    /// Counts from 0 again; what is running goes on.
    pub fn reset(&self) {
        for count in [&self.hits, &self.misses, &self.errors] {
            count.store(0, Relaxed);
        }
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
        self.metrics.hits.increment(1);
    }

    /// A load, counted while it runs, however it ends.
    pub(super) fn miss<V, E>(
        self: Arc<Self>,
        load: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<V, E>> {
        self.misses.fetch_add(1, Relaxed);
        self.metrics.misses.increment(1);
        async move {
            let active = Active::of(&self);
            let result = load.await;
            if result.is_err() {
                active.0.fail();
            }
            result
        }
    }

    fn fail(&self) {
        self.errors.fetch_add(1, Relaxed);
        self.metrics.errors.increment(1);
    }
}

struct Active<'c>(&'c Counts);

impl<'c> Active<'c> {
    fn of(counts: &'c Counts) -> Self {
        counts.active.fetch_add(1, Relaxed);
        counts.metrics.active.increment(1);
        Self(counts)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
        self.0.metrics.active.decrement(1);
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

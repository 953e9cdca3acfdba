//! What a coalescer did.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The figures of one coalescer, since the start or since they were reset.
#[derive(Debug, Default)]
pub struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    active: AtomicU64,
}

impl Counts {
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

    /// Loads that came to an error.
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

    pub(super) fn ask(self: &std::sync::Arc<Self>) -> Asked {
        Asked(self.clone())
    }
}

/// A caller of whom it isn't known yet whether it has to load.
pub(super) struct Asked(std::sync::Arc<Counts>);

impl Asked {
    pub(super) fn hit(&self) {
        self.0.hits.fetch_add(1, Relaxed);
    }

    /// The load, counted while it runs, however it ends.
    pub(super) fn miss<V, E>(
        self,
        load: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<V, E>> {
        self.0.misses.fetch_add(1, Relaxed);
        async move {
            let active = Active::of(&self.0);
            let result = load.await;
            if result.is_err() {
                active.0.errors.fetch_add(1, Relaxed);
            }
            result
        }
    }
}

struct Active<'c>(&'c Counts);

impl<'c> Active<'c> {
    fn of(counts: &'c Counts) -> Self {
        counts.active.fetch_add(1, Relaxed);
        Self(counts)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

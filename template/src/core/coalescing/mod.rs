//! Callers that want the same at the same time share one load: of a row, of another service's answer, of anything that is read by a key.
//!
//! Without it a thousand requests for one popular row are a thousand statements, and a thousand connections asked for. Each replica
//! shares among its own callers.
//!
//! ```
//! use app::core::coalescing::{Coalescer, Coalescing};
//! use app::core::database::DataError;
//! use app::core::state::{AppState, Shared};
//!
//! # async fn count_stars(_: app::core::database::Database, _: u8) -> Result<u64, DataError> { Ok(7) }
//! /// How many stars a galaxy has.
//! struct Stars(Coalescer<u8, u64, DataError>);
//!
//! app::register_component!(Stars: |shared: &Shared| Ok::<_, std::io::Error>(Stars(shared.coalescing.of("stars"))));
//!
//! async fn stars(app: &AppState, galaxy: u8) -> Result<u64, DataError> {
//!     let stars = &app.component::<Stars>().0;
//!     stars.get(galaxy, || count_stars(app.database.clone(), galaxy)).await
//! }
//! ```
//!
//! The key must hold all that the result depends on: where that is the caller, too.

mod counts;
mod slots;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

pub use self::counts::Counts;
use self::slots::{Next, Slots};
use crate::core::config::CoalescingConfig;
use crate::core::telemetry::carry_on;
use crate::core::time_spent::TimeSpent;

/// Makes coalescers, and knows what each of them did.
#[derive(Clone)]
pub struct Coalescing {
    enabled: bool,
    kept: Duration,
    max_keys: usize,
    grace: Duration,
    counts: Arc<Mutex<BTreeMap<&'static str, Arc<Counts>>>>,
}

impl Coalescing {
    /// As the `COALESCING_` section says. A write of which nobody knows how it ended may still have an effect within `grace`.
    #[must_use]
    pub fn new(config: &CoalescingConfig, grace: Duration) -> Self {
        Self {
            enabled: config.enabled,
            kept: Duration::from_millis(config.ttl_ms),
            max_keys: config.max_keys,
            grace,
            counts: Arc::default(),
        }
    }

    /// A coalescer of this name, by which its figures are found. Two of one name count together.
    #[must_use]
    pub fn of<K, V, E>(&self, name: &'static str) -> Coalescer<K, V, E> {
        let counts = locked(&self.counts)
            .entry(name)
            .or_insert_with(|| Counts::of(name))
            .clone();
        Coalescer(Arc::new(Inner {
            enabled: self.enabled,
            kept: self.kept,
            grace: self.grace,
            counts,
            slots: Mutex::new(Slots::new(self.max_keys, self.kept)),
        }))
    }

    /// What each coalescer did, by name.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, Arc<Counts>> {
        locked(&self.counts).clone()
    }
}

impl fmt::Debug for Coalescing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescing").finish_non_exhaustive()
    }
}

/// Shares one load among all callers of a key while it runs, its error included. Cheap to clone: clones share their loads.
pub struct Coalescer<K, V, E>(Arc<Inner<K, V, E>>);

struct Inner<K, V, E> {
    enabled: bool,
    /// How long a value is given out after its load; zero: not at all.
    kept: Duration,
    /// How long after a write was given up it may still have an effect.
    grace: Duration,
    counts: Arc<Counts>,
    slots: Mutex<Slots<K, V, E>>,
}

/// What a load came to; none yet while it runs.
type Outcome<V, E> = Option<Result<V, E>>;

impl<K, V, E> Coalescer<K, V, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// What is kept of the key, or what a load of it comes to that runs already; only else is `load` called, and its result given.
    ///
    /// The load is a task of its own: a caller that gives up ends it for nobody else, and when all have given up it ends. It is done
    /// for whoever asked first: its log lines, its outbound requests and the time it spends are told under that request. Only that
    /// request's deadline doesn't bind it, for those who join may have more time. So it must have a limit of its own, as statements and
    /// outbound requests do.
    ///
    /// # Errors
    ///
    /// Those of the load; each caller gets the same.
    ///
    /// # Panics
    ///
    /// If the load does, or `load` itself.
    pub async fn get<L>(&self, key: K, load: impl FnOnce() -> L) -> Result<V, E>
    where
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let counts = &self.0.counts;
        if !self.0.enabled {
            return counts.clone().miss(load()).await;
        }
        let next = locked(&self.0.slots).next(&key, Instant::now());
        let mut outcome = match next {
            Next::Kept(value) => {
                counts.hit();
                return Ok(value);
            }
            Next::Join(outcome) => {
                counts.hit();
                outcome
            }
            Next::Load {
                number,
                sender,
                receiver,
            } => {
                // First this: should `load` panic, the key is free again.
                let loading = Loading {
                    coalescer: self.clone(),
                    key,
                    number,
                };
                let counted = counts.clone().miss(load());
                tokio::spawn(for_this_request(loading.run(counted, sender)));
                receiver
            }
            Next::Alone => return counts.clone().miss(load()).await,
        };
        let result = outcome.wait_for(Option::is_some).await;
        let result = result.ok().and_then(|result| result.clone());
        // The sender is gone without a result only if the load panicked. The hook has logged that already.
        result.unwrap_or_else(|| resume_unwind(Box::new("a shared load panicked")))
    }

    /// Does a write of what the key stands for.
    ///
    /// Whoever asks while it runs loads alone, and nobody who asks later gets what was loaded before: a read that begins after the
    /// commit never sees what was before it. Where nobody learns whether there was a commit, since the request was cut off or the
    /// database didn't answer, that holds for as long as a statement may take.
    ///
    /// # Errors
    ///
    /// Those of the write.
    pub async fn write<T, F: WriteError>(
        &self,
        key: K,
        write: impl Future<Output = Result<T, F>>,
    ) -> Result<T, F> {
        let writing = self.writing(key);
        let result = write.await;
        if result.as_ref().err().is_none_or(WriteError::is_definite) {
            writing.ended();
        }
        result
    }

    /// Announces a write, for those that are more than one future; [`write`](Self::write) says what it is good for. Hold it until the
    /// outcome is known, and then say so with [`Writing::ended`]; dropped without a word, the outcome counts as unknown.
    #[must_use = "the key is only guarded while this is held"]
    pub fn writing(&self, key: K) -> Writing<K, V, E> {
        locked(&self.0.slots).begin_write(&key);
        Writing {
            coalescer: self.clone(),
            key: Some(key),
        }
    }
}

impl<K, V, E> Clone for Coalescer<K, V, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V, E> fmt::Debug for Coalescer<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer")
            .field("counts", &self.0.counts)
            .finish_non_exhaustive()
    }
}

/// What a write can fail with.
pub trait WriteError {
    /// Whether nothing was written for certain. Otherwise it may have been, and nobody heard of it.
    fn is_definite(&self) -> bool;
}

/// A load that others may join. Dropped before its end, since it panicked, it can't be joined any more.
struct Loading<K: Eq + Hash, V, E> {
    coalescer: Coalescer<K, V, E>,
    key: K,
    number: u64,
}

impl<K: Clone + Eq + Hash, V: Clone, E> Loading<K, V, E> {
    async fn run(
        self,
        load: impl Future<Output = Result<V, E>>,
        outcome: watch::Sender<Outcome<V, E>>,
    ) {
        let mut load = pin!(load);
        // Whoever is about to ask joins first. At 64 clients of one row that halves the statements, for a tenth more requests; where nobody
        // else waits for a thread, it takes no time.
        tokio::task::yield_now().await;
        let result = loop {
            tokio::select! {
                result = &mut load => break result,
                () = outcome.closed() => if self.is_for_nobody(&outcome) {
                    return;
                },
            }
        };
        self.finish(&result);
        // Those who waited may have left just now.
        let _ = outcome.send(Some(result));
    }

    /// Whether all who waited have left. Then nobody joins any more, either.
    fn is_for_nobody(&self, outcome: &watch::Sender<Outcome<V, E>>) -> bool {
        let mut slots = locked(&self.coalescer.0.slots);
        // Joining takes the same lock.
        let nobody = outcome.receiver_count() == 0;
        if nobody {
            slots.remove(&self.key, self.number);
        }
        nobody
    }

    fn finish(&self, result: &Result<V, E>) {
        let inner = &*self.coalescer.0;
        let kept = result.as_ref().ok().filter(|_| !inner.kept.is_zero());
        let kept = kept.map(|value| (value.clone(), Instant::now() + inner.kept));
        locked(&inner.slots).finish(&self.key, self.number, kept);
    }
}

impl<K: Eq + Hash, V, E> Drop for Loading<K, V, E> {
    fn drop(&mut self) {
        locked(&self.coalescer.0.slots).remove(&self.key, self.number);
    }
}

/// A write that is under way; see [`Coalescer::writing`].
#[must_use = "the key is only guarded while this is held"]
pub struct Writing<K, V, E>
where
    K: Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    coalescer: Coalescer<K, V, E>,
    /// None when the outcome is known.
    key: Option<K>,
}

impl<K, V, E> Writing<K, V, E>
where
    K: Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// The write was committed, or had no effect.
    pub fn ended(mut self) {
        if let Some(key) = self.key.take() {
            locked(&self.coalescer.0.slots).end_write(&key);
        }
    }
}

impl<K, V, E> Drop for Writing<K, V, E>
where
    K: Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn drop(&mut self) {
        let Some(key) = self.key.take() else {
            return;
        };
        let coalescer = self.coalescer.clone();
        let end = move || locked(&coalescer.0.slots).end_write(&key);
        match Handle::try_current() {
            Ok(runtime) => {
                let grace = self.coalescer.0.grace;
                runtime.spawn(async move {
                    sleep(grace).await;
                    end();
                });
            }
            // The service is ending.
            Err(_) => end(),
        }
    }
}

/// Gives work that goes on in another task what it is to know of the request that is being answered.
fn for_this_request(
    work: impl Future<Output = ()> + Send + 'static,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let mut work = carry_on(work);
    if let Some(spent) = TimeSpent::current() {
        work = Box::pin(spent.scope(work));
    }
    work
}

/// Nothing that is done under these locks can fail halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

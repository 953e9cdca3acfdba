//! What is known of each key: the load that runs, the value that is kept, the writes that are under way.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;

/// The keys, of which there are only so many at a time.
pub(super) struct Slots<K, V, E> {
    by_key: HashMap<K, Slot<V, E>>,
    max_keys: usize,
    /// How long a value is kept.
    kept: Duration,
    /// Before this, no value is old: looking through all keys for one would be in vain.
    none_old_before: Option<Instant>,
    /// Tells loads of one key apart.
    loads: u64,
}

enum Slot<V, E> {
    Loading {
        number: u64,
        outcome: watch::Sender<Outcome<V, E>>,
    },
    Kept {
        value: V,
        until: Instant,
    },
    /// So many writes are under way.
    Writing(usize),
}

/// What a caller does.
pub(super) enum Next<V, E> {
    /// It takes the value.
    Kept(V),
    /// It waits for the load that runs.
    Join(watch::Receiver<Outcome<V, E>>),
    /// It starts one that others may join.
    Load {
        number: u64,
        sender: watch::Sender<Outcome<V, E>>,
        receiver: watch::Receiver<Outcome<V, E>>,
    },
    /// It loads for itself.
    Alone,
}

impl<K, V, E> Slots<K, V, E> {
    pub(super) fn new(max_keys: usize, kept: Duration) -> Self {
        Self {
            by_key: HashMap::new(),
            max_keys,
            kept,
            none_old_before: None,
            loads: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone, E> Slots<K, V, E> {
    pub(super) fn next(&mut self, key: &K, now: Instant) -> Next<V, E> {
        match self.by_key.get(key) {
            Some(Slot::Loading { outcome, .. }) => return Next::Join(outcome.subscribe()),
            Some(Slot::Kept { value, until }) if *until > now => return Next::Kept(value.clone()),
            Some(Slot::Writing(_)) => return Next::Alone,
            Some(_) => {}
            None => {
                if self.by_key.len() >= self.max_keys {
                    self.forget_the_old(now);
                }
                if self.by_key.len() >= self.max_keys {
                    return Next::Alone;
                }
            }
        }
        self.loads += 1;
        let number = self.loads;
        let (sender, receiver) = watch::channel(None);
        let outcome = sender.clone();
        self.by_key
            .insert(key.clone(), Slot::Loading { number, outcome });
        Next::Load {
            number,
            sender,
            receiver,
        }
    }

    /// A load has ended. What it came to is kept, unless the key was written, or loaded again, since it began.
    pub(super) fn finish(&mut self, key: &K, number: u64, kept: Option<(V, Instant)>) {
        if self.remove(key, number)
            && let Some((value, until)) = kept
        {
            self.by_key.insert(key.clone(), Slot::Kept { value, until });
        }
    }

    /// From now on nobody joins what was begun before. Writes are counted beyond the number of keys, too: they must not be missed.
    pub(super) fn begin_write(&mut self, key: &K) {
        let writes = match self.by_key.get(key) {
            Some(Slot::Writing(writes)) => *writes,
            _ => 0,
        };
        self.by_key.insert(key.clone(), Slot::Writing(writes + 1));
    }

    fn forget_the_old(&mut self, now: Instant) {
        if self.none_old_before.is_some_and(|then| now < then) {
            return;
        }
        // What is kept from now on is not old before this, either.
        let mut first = now + self.kept;
        self.by_key.retain(|_, slot| match slot {
            Slot::Kept { until, .. } if *until > now => {
                first = first.min(*until);
                true
            }
            Slot::Kept { .. } => false,
            Slot::Loading { .. } | Slot::Writing(_) => true,
        });
        self.none_old_before = Some(first);
    }
}

impl<K: Eq + Hash, V, E> Slots<K, V, E> {
    /// From now on nobody joins this load. Answers whether somebody could have.
    pub(super) fn remove(&mut self, key: &K, number: u64) -> bool {
        let is_this = matches!(self.by_key.get(key), Some(Slot::Loading { number: running, .. }) if *running == number);
        if is_this {
            self.by_key.remove(key);
        }
        is_this
    }

    pub(super) fn end_write(&mut self, key: &K) {
        match self.by_key.get_mut(key) {
            Some(Slot::Writing(writes)) if *writes > 1 => *writes -= 1,
            _ => {
                self.by_key.remove(key);
            }
        }
    }
}

//! A circuit breaker: an upstream that fails too often is left alone for a while, instead of letting everybody wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time over which calls are counted, at least; at most twice that.
const WINDOW: Duration = Duration::from_secs(10);

/// What is answered while the one call that tries the upstream out is under way.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakerSettings {
    /// Calls in a hundred that must fail; 0 turns the breaker off.
    pub(super) failure_percent: u32,
    /// Calls below which nothing is concluded.
    pub(super) min_calls: u32,
    /// How long no call is let through.
    pub(super) open: Duration,
}

#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// All calls are let through and counted.
    Closed(Window),
    /// None is.
    Open { until: Instant },
    /// One is, to see whether the upstream has recovered.
    HalfOpen { probing: bool },
}

/// The state as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Closed,
    HalfOpen,
    Open,
}

impl Shown {
    /// The value of the metric.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// Two counts, of which the older one is dropped in time: no list of calls has to be kept.
#[derive(Debug)]
struct Window {
    start: Instant,
    now: Count,
    before: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    calls: u32,
    failures: u32,
}

impl Window {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            now: Count::default(),
            before: Count::default(),
        }
    }

    fn count(&mut self, failed: bool) -> Count {
        let age = self.start.elapsed();
        if age >= WINDOW {
            self.before = if age < 2 * WINDOW {
                self.now
            } else {
                Count::default()
            };
            self.now = Count::default();
            self.start = Instant::now();
        }
        self.now.calls = self.now.calls.saturating_add(1);
        self.now.failures = self.now.failures.saturating_add(u32::from(failed));
        Count {
            calls: self.now.calls.saturating_add(self.before.calls),
            failures: self.now.failures.saturating_add(self.before.failures),
        }
    }
}

/// A call that was let through, and must say how it went. Dropped without a word, it says nothing about the upstream.
#[derive(Debug)]
#[must_use]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    /// Whether it is the one that tries the upstream out.
    probe: bool,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            state: Mutex::new(State::Closed(Window::new())),
        })
    }

    /// Lets a call through, or says after what time to try again. The state comes along if that changed it.
    pub(super) fn admit(self: &Arc<Self>) -> Result<(Permit, Option<Shown>), Duration> {
        let mut state = self.state();
        let (probe, changed) = match &mut *state {
            State::Closed(_) => (false, None),
            State::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                *state = State::HalfOpen { probing: true };
                (true, Some(Shown::HalfOpen))
            }
            State::HalfOpen { probing: true } => return Err(WHILE_PROBING),
            State::HalfOpen { probing } => {
                *probing = true;
                (true, None)
            }
        };
        let breaker = Arc::clone(self);
        Ok((Permit { breaker, probe }, changed))
    }

    /// For how long no call is let through, if that is so; without letting one through.
    pub(super) fn refuses_for(&self) -> Option<Duration> {
        let State::Open { until } = &*self.state() else {
            return None;
        };
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No state is left half changed, whatever panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The call is over. The new state, if that changed it.
    pub(super) fn end(mut self, failed: bool) -> Option<Shown> {
        let probe = std::mem::take(&mut self.probe);
        let settings = self.breaker.settings;
        let mut state = self.breaker.state();
        let (next, shown) = match &mut *state {
            State::Closed(window) => {
                let count = window.count(failed);
                let is_too_much = settings.failure_percent > 0
                    && count.calls >= settings.min_calls
                    && u64::from(count.failures) * 100
                        >= u64::from(count.calls) * u64::from(settings.failure_percent);
                if !failed || !is_too_much {
                    return None;
                }
                (opened(settings.open), Shown::Open)
            }
            // A call from before it opened comes too late to be of interest.
            State::HalfOpen { .. } | State::Open { .. } if !probe => return None,
            _ if failed => (opened(settings.open), Shown::Open),
            _ => (State::Closed(Window::new()), Shown::Closed),
        };
        *state = next;
        Some(shown)
    }
}

fn opened(time: Duration) -> State {
    State::Open {
        until: Instant::now() + time,
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        if let State::HalfOpen { probing } = &mut *self.breaker.state() {
            *probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(failure_percent: u32) -> Arc<Breaker> {
        Breaker::new(BreakerSettings {
            failure_percent,
            min_calls: 10,
            open: Duration::from_secs(5),
        })
    }

    fn call(breaker: &Arc<Breaker>, failed: bool) -> Option<Shown> {
        let (permit, _) = breaker.admit().unwrap();
        permit.end(failed)
    }

    /// As if so much time had passed.
    fn pass(breaker: &Breaker, time: Duration) {
        match &mut *breaker.state() {
            State::Closed(window) => window.start -= time,
            State::Open { until } => *until -= time,
            State::HalfOpen { .. } => {}
        }
    }

    #[test]
    fn it_opens_when_the_share_is_reached_and_the_calls_are_enough() {
        let breaker = breaker(50);
        for _ in 0..9 {
            assert_eq!(call(&breaker, true), None, "too few to conclude from");
        }
        assert_eq!(call(&breaker, true), Some(Shown::Open));
        let left = breaker.admit().unwrap_err();
        assert!(left > Duration::from_secs(4), "{left:?}");

        let breaker = self::breaker(50);
        for number in 0..100 {
            assert_eq!(call(&breaker, number % 3 == 0), None, "a third fail");
        }
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        let breaker = breaker(50);
        for _ in 0..9 {
            call(&breaker, true);
        }
        pass(&breaker, WINDOW);
        call(&breaker, false);
        pass(&breaker, WINDOW);
        for _ in 0..9 {
            assert_eq!(call(&breaker, false), None);
        }
        assert_eq!(call(&breaker, true), None, "one of eleven fails");
        pass(&breaker, 3 * WINDOW);
        for _ in 0..9 {
            assert_eq!(call(&breaker, true), None, "too few to conclude from");
        }
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let breaker = breaker(50);
        let (early, _) = breaker.admit().unwrap();
        for _ in 0..10 {
            call(&breaker, true);
        }
        assert_eq!(early.end(false), None);
        breaker.admit().unwrap_err();
        pass(&breaker, Duration::from_secs(5));
        let (probe, state) = breaker.admit().unwrap();
        assert_eq!(state, Some(Shown::HalfOpen));
        breaker.admit().unwrap_err();
        assert_eq!(probe.end(false), Some(Shown::Closed));
        assert_eq!(call(&breaker, true), None, "it counts from the beginning");
    }

    #[test]
    fn at_0_percent_it_never_opens() {
        let breaker = breaker(0);
        for _ in 0..100 {
            assert_eq!(call(&breaker, true), None);
        }
    }
}

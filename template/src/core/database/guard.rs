//! A connection that somebody uses, and what becomes of it afterwards.

use std::{
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use deadpool::managed::Object;
use tokio::runtime::Handle;

use tracing::{Instrument, Span};

use super::{
    checkouts::{Checkouts, Held},
    connection::{Connection, Raw},
    holds::{Keeping, Work},
    manager::Manager,
    metrics::SPANS,
};

/// How long the pool's slot stays taken after a busy connection was closed: until the server, which looks every 10 ms, has ended
/// the statement. Measured without it: a pool of 10 whose clients hang up early keeps 80 server processes busy.
const HOLD: Duration = Duration::from_millis(15);

/// How long a rollback may take before the connection is closed instead.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);

/// How long the worker of a SQLite connection may take to come to its end.
#[cfg(feature = "sqlite")]
const SQLITE_CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// A connection outside the pool. When it is dropped, it goes back if nothing is unfinished on it; a transaction left open is
/// rolled back first; and one that was cut off in the middle of a statement is closed.
pub(super) struct Guard {
    object: Option<Object<Manager>>,
    /// Since when somebody uses it, if anybody does.
    since: Option<Instant>,
    _held: Option<Held>,
    kept: Option<Keeping>,
}

impl Guard {
    pub(super) fn new(object: Object<Manager>, now: Instant) -> Self {
        Self {
            object: Some(object),
            since: Some(now),
            _held: Checkouts::take(),
            kept: None,
        }
    }

    /// It is kept for longer than one statement.
    pub(super) fn keep_for(mut self, work: Work) -> Self {
        self.kept = self.shared.holds.begin(work);
        self
    }
}

impl Deref for Guard {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "it is taken out by `drop` only")]
    fn deref(&self) -> &Connection {
        self.object.as_ref().expect("a guard holds its connection")
    }
}

impl DerefMut for Guard {
    #[expect(clippy::expect_used, reason = "it is taken out by `drop` only")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.object.as_mut().expect("a guard holds its connection")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else {
            return;
        };
        let now = Instant::now();
        if let Some(since) = self.since {
            let used = now.saturating_duration_since(since);
            object.shared.instruments.use_time.record(used);
        }
        // as long as it takes until somebody else can have the connection, or its place
        let span = tracing::debug_span!(target: SPANS, "release", otel.kind = "internal");
        if object.is_reusable() {
            object.idle_since(now);
            return; // dropping the object puts it back
        }
        match Handle::try_current() {
            // Idle in an open transaction, as after every `?` in one: a rollback costs 0.3 ms, a new connection 5 ms or more, and
            // whoever can cause a conflict could make the service reconnect at will.
            Ok(runtime) if object.can_roll_back() => {
                let roll_back = RollBack::new(object);
                runtime.spawn(roll_back.run().instrument(span));
            }
            Ok(runtime) => close(object, &runtime, span),
            // outside a runtime nothing can be waited for
            Err(_) => drop(Object::take(object)),
        }
    }
}

/// A connection whose transaction is about to be rolled back. Condemned until that is done: should the task be dropped before
/// (the runtime is shutting down), it is closed.
struct RollBack(Guard);

impl RollBack {
    fn new(mut object: Object<Manager>) -> Self {
        object.condemn();
        Self(Guard {
            object: Some(object),
            since: None,
            _held: None,
            kept: None,
        })
    }

    async fn run(self) {
        let Self(mut guard) = self;
        guard.pardon();
        let rolled_back = tokio::time::timeout(ROLLBACK_LIMIT, guard.rollback_to(1)).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            // or else dropping the guard would try the same again, for ever
            guard.condemn();
        }
    }
}

/// Closes a connection that is in the middle of something. Its place in the pool becomes free when the work has really ended.
fn close(mut object: Object<Manager>, runtime: &Handle, span: Span) {
    match object.take_raw() {
        Some(Raw::Postgres(connection)) => {
            drop(connection); // closes the socket, which the server notices at its next look
            let wait = async move {
                tokio::time::sleep(HOLD).await;
                drop(Object::take(object));
            };
            runtime.spawn(wait.instrument(span));
        }
        #[cfg(feature = "sqlite")]
        Some(Raw::Sqlite(lite)) => {
            lite.stop().stop();
            let wait = async move {
                let _ = tokio::time::timeout(SQLITE_CLOSE_LIMIT, lite.close()).await;
                drop(Object::take(object));
            };
            runtime.spawn(wait.instrument(span));
        }
        None => drop(Object::take(object)),
    }
}

//! Requests of HTTP/2, each of which hyper runs in a task of its own.
//!
//! A client says how much of each answer it takes. One that takes nothing, or next to nothing, would keep the answer, and its place
//! among the requests under way, for as long as it likes: hyper does not ask the body for more, or has handed h2 all of it, and neither
//! knows a time. So the task lives until the client has been sent everything; it is timed while its answer waits for the client, and
//! when that is over the stream is reset. The connection's other streams go on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::task_local;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::activity::Overdue;

task_local! {
    static HANDOVER: Arc<Handover>;
}

/// How far the client has taken an answer.
#[derive(Debug, Default)]
pub(super) struct Handover(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since when the answer waits for its client, if it does.
    since: Option<Instant>,
    /// Whether a piece is on its way.
    under_way: bool,
    /// Who gives the next one.
    next: Option<Waker>,
}

impl Handover {
    /// That of the stream whose task this is; HTTP/1 has none.
    pub(super) fn current() -> Option<Arc<Self>> {
        HANDOVER.try_with(Arc::clone).ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something for the client to take, or it has taken some of it.
    pub(super) fn waits_for_client(&self) {
        self.state().since = Some(Instant::now());
    }

    /// There will be more, but not yet.
    pub(super) fn waits_for_us(&self) {
        self.state().since = None;
    }

    /// A piece is on its way.
    pub(super) fn begins(&self) {
        self.state().under_way = true;
    }

    /// It has been sent, or will never be.
    pub(super) fn ends(&self) {
        let next = {
            let mut state = self.state();
            state.under_way = false;
            state.next.take()
        };
        if let Some(next) = next {
            next.wake();
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.state().under_way
    }

    /// Waits until no piece is on its way.
    pub(super) fn poll_free(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.under_way {
            return Poll::Ready(());
        }
        state.next = Some(context.waker().clone());
        Poll::Pending
    }

    fn since(&self) -> Option<Instant> {
        self.state().since
    }
}

/// Starts the tasks, and ends those whose clients don't take anything for so long.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) stall: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let handover = Arc::new(Handover::default());
        let timed = run(stream, Arc::clone(&handover), self.stall);
        tokio::spawn(HANDOVER.scope(handover, timed));
    }
}

async fn run(stream: impl Future<Output = ()>, handover: Arc<Handover>, stall: Duration) {
    let mut stream = pin!(stream);
    // Most answers are taken at once and need none.
    let mut alarm = None;
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = handover.since() else {
            return Poll::Pending;
        };
        let at = since + stall;
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if alarm.deadline() != at {
            alarm.as_mut().reset(at);
        }
        let over = alarm.as_mut().poll(context);
        if over.is_ready() {
            let setting = Overdue::Stall.setting();
            debug!(setting, "a stream was reset: its client takes nothing");
        }
        over
    })
    .await;
}

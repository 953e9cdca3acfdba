//! Requests of HTTP/2, each of which hyper runs in a task of its own.
//!
//! A client says how much of each answer it takes. One that takes nothing would keep the answer, and its place among the requests
//! under way, for as long as it likes: hyper does not ask the body for more, and knows no time. So the task itself is timed while
//! its answer waits for the client, and when that is over the stream is reset; the connection's other streams go on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::task_local;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::activity::Overdue;

task_local! {
    static HANDOVER: Arc<Handover>;
}

/// Since when an answer waits for its client, if it does.
#[derive(Debug, Default)]
pub(super) struct Handover(Mutex<Option<Instant>>);

impl Handover {
    /// That of the stream whose task this is; HTTP/1 has none.
    pub(super) fn current() -> Option<Arc<Self>> {
        HANDOVER.try_with(Arc::clone).ok()
    }

    /// There is something for the client to take.
    pub(super) fn waits_for_client(&self) {
        self.set(Some(Instant::now()));
    }

    /// There will be more, but not yet.
    pub(super) fn waits_for_us(&self) {
        self.set(None);
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

//! Load: connections that ask for the same thing again and again, and what came of it.

mod pace;
mod tally;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

pub(super) use self::{
    pace::Pace,
    tally::{Answer, Tally, by_success},
};
use super::{
    connection::{Address, Connection, LoadRequest},
    number::float,
    stop::Stop,
};

/// A service that is gone would otherwise be called as often as the machine can.
const AFTER_A_FAILURE: Duration = Duration::from_millis(10);

/// What is asked, how often, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) address: Address,
    pub(super) request: LoadRequest,
    /// Connections, each with one request at a time.
    pub(super) concurrency: u32,
    pub(super) pace: Pace,
    /// Nothing is sent after this time; what was sent before is waited for.
    pub(super) duration: Duration,
    /// Nothing is sent after so many requests, either.
    pub(super) requests: Option<u64>,
    /// How long an answer is waited for.
    pub(super) patience: Duration,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    /// Until the last answer was there.
    pub(super) took: Duration,
}

/// What the connections share.
struct SharedLoad {
    load: Load,
    begun: Instant,
    end: Instant,
    /// How many requests were handed out.
    next: AtomicU64,
}

impl Load {
    /// Sends it all. Told to stop, it drops what is under way and keeps what was counted.
    pub(super) async fn run(self, stop: &Stop) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let shared = Arc::new(SharedLoad {
            end: begun + self.duration,
            begun,
            next: AtomicU64::new(0),
            load: self,
        });
        let mut connections = JoinSet::new();
        for _ in 0..shared.load.concurrency {
            connections.spawn(shared.clone().keep_asking(stop.clone()));
        }
        let mut tally = Tally::new()?;
        while let Some(counted) = connections.join_next().await {
            tally.add(&counted.context("a connection's task failed")??)?;
        }
        if !stop.is_asked() {
            let Load {
                pace,
                duration,
                requests,
                ..
            } = shared.load;
            let unsent = shared.next.load(Relaxed)..requests.unwrap_or(u64::MAX);
            for waited in pace.unsent(unsent, duration) {
                tally.count(Answer::Late, waited);
            }
        }
        Ok(Outcome {
            tally,
            took: begun.elapsed(),
        })
    }
}

impl SharedLoad {
    async fn keep_asking(self: Arc<Self>, stop: Stop) -> anyhow::Result<Tally> {
        let mut tally = Tally::new()?;
        let mut connection = Connection::to(self.load.address.clone());
        while let Some(number) = self.next() {
            let due = self.load.pace.due(number).map(|due| self.begun + due);
            if due.is_some_and(|due| due >= self.end) {
                break;
            }
            if Instant::now() >= self.end {
                // It was due, and all connections were busy until the end.
                if let Some(due) = due {
                    tally.count(Answer::Late, self.end - due);
                }
                break;
            }
            let asked = async {
                if let Some(due) = due {
                    sleep_until(due).await;
                }
                // From when it was due, not from when a connection was free for it: the wait is the service's doing.
                let begun = due.unwrap_or_else(Instant::now);
                let answer = connection.load(&self.load.request, self.load.patience);
                (answer.await, begun.elapsed())
            };
            let (answer, latency) = tokio::select! {
                asked = asked => asked,
                () = stop.asked() => break,
            };
            let is_broken = matches!(answer, Answer::Broken(_));
            tally.count(answer, latency);
            if is_broken {
                sleep(AFTER_A_FAILURE).await;
            }
        }
        Ok(tally)
    }

    /// The number of the next request, if there is one.
    fn next(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Relaxed);
        let is_one = self.load.requests.is_none_or(|requests| number < requests);
        is_one.then_some(number)
    }
}

#[cfg(test)]
mod tests;

//! Connections that are being opened. That goes on if whoever wanted one leaves meanwhile, and the next takes it over.
//!
//! Otherwise a deadline shorter than a TLS handshake would never fill the pool, and clients that hang up early would keep the server busy with
//! handshakes for nobody. There are never more than the pool has room for: an opening that was left is taken over before another begins.

use std::{
    panic::resume_unwind,
    sync::Mutex,
    time::{Duration, Instant},
};

use sea_orm::sqlx;
use tokio::task::{JoinError, JoinHandle};

use super::connection::Raw;

/// The connection, and the pool's generation when its opening began.
type Opened = Result<(Raw, u64), sqlx::Error>;

/// What was begun and then left by who wanted it.
#[derive(Default)]
pub(super) struct Openings(Mutex<Vec<Opening>>);

struct Opening {
    task: JoinHandle<Opened>,
    begun: Instant,
}

/// Somebody waits for it; dropped before its end, it goes back.
struct Awaited<'o> {
    openings: &'o Openings,
    opening: Option<Opening>,
}

impl Openings {
    /// Opens a connection, or takes one over that was begun less than `limit` ago.
    pub(super) async fn open<F>(&self, limit: Duration, begin: impl FnOnce() -> F) -> Opened
    where
        F: Future<Output = Opened> + Send + 'static,
    {
        self.forget_older_than(limit);
        let opening = self.left().pop().unwrap_or_else(|| Opening {
            task: tokio::spawn(begin()),
            begun: Instant::now(),
        });
        Awaited {
            openings: self,
            opening: Some(opening),
        }
        .end()
        .await
    }

    /// Gives up what was begun longer ago: it hangs, or nobody wants it any more.
    pub(super) fn forget_older_than(&self, limit: Duration) {
        self.left().retain(|opening| {
            let keep = opening.begun.elapsed() < limit;
            if !keep {
                opening.task.abort();
            }
            keep
        });
    }

    #[expect(clippy::expect_used, reason = "nothing that holds it can panic")]
    fn left(&self) -> std::sync::MutexGuard<'_, Vec<Opening>> {
        self.0.lock().expect("nobody panics with the list")
    }
}

impl Awaited<'_> {
    async fn end(mut self) -> Opened {
        let Some(opening) = &mut self.opening else {
            return Err(sqlx::Error::WorkerCrashed);
        };
        let opened = (&mut opening.task).await;
        self.opening = None;
        match opened.map_err(JoinError::try_into_panic) {
            Ok(opened) => opened,
            Err(Ok(panic)) => resume_unwind(panic),
            // the runtime is being shut down, and we with it
            Err(Err(_)) => Err(sqlx::Error::WorkerCrashed),
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if let Some(opening) = self.opening.take() {
            self.openings.left().push(opening);
        }
    }
}

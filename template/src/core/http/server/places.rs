//! How many connections a port has, and may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::warn;

/// The metric of open connections, without those of the management port.
const CONNECTIONS: &str = "http_server_connections";

/// The metric of how many there may be.
const MAX: &str = "http_server_connections_max";

crate::register_metrics! {
    gauge CONNECTIONS: "Open connections.";
    gauge MAX: "Connections that may be open.";
}

/// How often the log says that a port is full.
const REMINDER: Duration = Duration::from_mins(1);

/// The places of one port.
pub(super) struct Places {
    limit: Option<Limit>,
    taken: Arc<AtomicUsize>,
}

struct Limit {
    places: Arc<Semaphore>,
    count: usize,
    warned: Option<Instant>,
}

/// The permit to accept a connection.
pub(super) struct Permit(Option<OwnedSemaphorePermit>);

/// One connection's place. It is free again when this is dropped.
pub(super) struct Place {
    permit: Permit,
    taken: Arc<AtomicUsize>,
}

impl Places {
    /// So many and no more. They are shown as a metric.
    #[expect(clippy::cast_precision_loss, reason = "at most 1000000")]
    pub(super) fn limited(count: usize) -> Self {
        gauge!(MAX).set(count as f64);
        Self {
            limit: Some(Limit {
                places: Arc::new(Semaphore::new(count)),
                count,
                warned: None,
            }),
            taken: Arc::default(),
        }
    }

    /// As many as come: probes must get through when clients don't.
    pub(super) fn unlimited() -> Self {
        Self {
            limit: None,
            taken: Arc::default(),
        }
    }

    /// How many connections there are.
    pub(super) fn taken(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.taken)
    }

    /// Waits until there may be one more.
    pub(super) async fn wait(&mut self) -> Permit {
        match &mut self.limit {
            Some(limit) => Permit(limit.wait().await),
            None => Permit(None),
        }
    }

    /// The permit for one more, if there may be one now.
    pub(super) fn permit(&self) -> Option<Permit> {
        match &self.limit {
            Some(limit) => {
                let permit = Arc::clone(&limit.places).try_acquire_owned();
                Some(Permit(Some(permit.ok()?)))
            }
            None => Some(Permit(None)),
        }
    }

    /// There is one more.
    pub(super) fn take(&self, permit: Permit) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        if permit.0.is_some() {
            gauge!(CONNECTIONS).increment(1.0);
        }
        Place {
            permit,
            taken: Arc::clone(&self.taken),
        }
    }
}

impl Limit {
    async fn wait(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(permit);
        }
        if self.warned.is_none_or(|warned| warned.elapsed() > REMINDER) {
            self.warned = Some(Instant::now());
            let count = self.count;
            warn!(
                "all {count} connections are taken (SERVER_MAX_CONNECTIONS): more wait until one ends"
            );
        }
        // Nobody closes it.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        if self.permit.0.is_some() {
            gauge!(CONNECTIONS).decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[tokio::test]
    async fn open_connections_of_clients_are_shown_and_those_of_probes_are_not() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let shown = || {
            let all = snapshotter.snapshot().into_vec();
            let found = all
                .into_iter()
                .find(|(key, ..)| key.key().name() == CONNECTIONS);
            found.map(|(.., value)| value)
        };
        let _recorder = metrics::set_default_local_recorder(&recorder);
        let mut clients = Places::limited(2);
        let mut probes = Places::unlimited();
        let probe = probes.wait().await;
        let _probe = probes.take(probe);
        assert_eq!(shown(), None);

        let first = clients.wait().await;
        let first = clients.take(first);
        // A permit is no connection yet.
        let _permit = clients.wait().await;
        assert!(clients.permit().is_none());
        assert_eq!(shown(), Some(DebugValue::Gauge(1.0.into())));
        drop(first);
        // Each look takes what it sees, so this is the change.
        assert_eq!(shown(), Some(DebugValue::Gauge((-1.0).into())));
        assert!(clients.permit().is_some());
        assert_eq!(clients.taken().load(Ordering::Relaxed), 0);
    }
}

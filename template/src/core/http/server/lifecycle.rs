//! Where the service is between its start and its end, for whoever behaves otherwise while it stops.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::core::state::Shared;

/// What the service does with connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::core::http) enum Phase {
    /// All are welcome.
    Serving,
    /// It is not ready any more, so that balancers look elsewhere; who comes nevertheless is served, and asked to connect elsewhere.
    Draining,
    /// Requests that are under way are answered, no more.
    Stopping,
}

/// Tells the phase, and its changes. A component, so that the probe for readiness knows as well.
#[derive(Clone, Debug)]
pub(in crate::core::http) struct Lifecycle(Arc<watch::Sender<Phase>>);

crate::register_component!(Lifecycle: |_: &Shared| Ok::<_, Infallible>(Lifecycle::new()));

/// Asks the service to stop from within, as a signal does from outside. A component: handlers get it from the state.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Notify>);

crate::register_component!(Shutdown: |_: &Shared| Ok::<_, Infallible>(Shutdown::default()));

impl Shutdown {
    /// From now on the service is on its way to its end: in order, and within the time that it has for that.
    pub fn request(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody asks.
    pub(super) async fn requested(&self) {
        self.0.notified().await;
    }
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Serving)))
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// Whether the service is on its way to its end.
    pub(in crate::core::http) fn is_ending(&self) -> bool {
        *self.0.borrow() > Phase::Serving
    }

    /// Waits for this phase, or a later one.
    pub(super) async fn reached(&self, phase: Phase) {
        // The sender is ours: it can't be gone.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}

//! The listeners, and how the service starts and stops.
//!
//! - `port` accepts connections, as many as there are `places`.
//! - `connection` serves one; its `activity` says which of its client's times are over.
//! - `lifecycle` says when the service is not to be asked any more, and when it stops.

mod activity;
mod connection;
mod files;
mod lifecycle;
mod piece;
mod places;
mod port;
mod requests;
mod signals;
mod socket;
mod streams;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

pub(super) use self::lifecycle::Lifecycle;
use self::lifecycle::Phase;
pub use self::lifecycle::Shutdown;
use self::places::Places;
use self::port::Port;
pub use self::signals::Signals;
use super::docs;
use super::routes::Api;
use super::surface::Surface;
use crate::core::config::{DocsConfig, ServerConfig};
use crate::core::state::AppState;

/// What is kept of the time to stop for closing the database's connections, at most; and all that they have after a second signal.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long the last answers of the management port may take, when all else has ended.
const LAST_PROBE: Duration = Duration::from_millis(200);

/// Why the service can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens on the port.
    #[error("port {port} is in use already: stop what listens there, or set {key} to another port")]
    PortInUse {
        /// The setting that names the port.
        key: &'static str,
        /// The port.
        port: u16,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: set SERVER_HOST and {key} to an address of this machine")]
    Listen {
        /// The setting that names the port.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A service whose ports are bound: from now on clients can connect, and are answered as soon as it runs.
pub struct Server {
    app: AppState,
    public: Port,
    management: Option<Port>,
}

impl Server {
    /// Binds the ports that serve this API.
    ///
    /// # Errors
    ///
    /// See [`ServeError`].
    #[expect(
        clippy::unused_async,
        reason = "listening needs the runtime, in which an async function runs"
    )]
    pub async fn bind(app: AppState, api: &Api) -> Result<Self, ServeError> {
        let config = app.config.section::<ServerConfig>();
        let surface = match config.management_port {
            Some(_) => Surface::Public,
            None => Surface::All,
        };
        let public = api.router(&app, surface);
        let places = Places::limited(files::allow(&app.config));
        let public = Port::bind("SERVER_PORT", config.host, config.port, public, places)?;
        let management = match config.management_port {
            Some(port) => {
                let router = api.router(&app, Surface::Management);
                let (key, places) = ("SERVER_MANAGEMENT_PORT", Places::unlimited());
                Some(Port::bind(key, config.host, port, router, places)?)
            }
            None => None,
        };
        Ok(Self {
            app,
            public,
            management,
        })
    }

    /// Where clients are served; the real port, if `SERVER_PORT` is 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Where operators and probes are served, if that is another port.
    #[must_use]
    pub fn management_address(&self) -> Option<SocketAddr> {
        self.management.as_ref().map(|port| port.address)
    }

    /// The URL that a person on this machine opens.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.public.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}")
    }

    /// The URL of the page that describes the API, if it is served.
    #[must_use]
    pub fn docs_url(&self) -> Option<String> {
        let served =
            cfg!(feature = "swagger-ui") && self.app.config.section::<DocsConfig>().enabled;
        served.then(|| format!("{}{}", self.url(), docs::PAGE))
    }

    /// Serves until `signal` ends for the first time, or [`Shutdown::request`] is called. Then:
    ///
    /// 1. For `SERVER_SHUTDOWN_DRAIN_SECS` the service is not ready, but goes on serving, so that balancers can look elsewhere before
    ///    connections are refused.
    /// 2. No connection is accepted any more, requests are let end, and at last the database's connections are closed: all within
    ///    `SERVER_SHUTDOWN_TIMEOUT_SECS`. When that is over, the rest is cut off.
    ///
    /// If `signal` ends again, the rest is cut off at once, and the database has a second. The management port answers until all else has ended.
    pub async fn run_until(self, mut signal: impl AsyncFnMut()) {
        let config = self.app.config.section::<ServerConfig>();
        let drain = Duration::from_secs(config.shutdown_drain_secs);
        let limit = Duration::from_secs(config.shutdown_timeout_secs);
        let lifecycle = self.app.component::<Lifecycle>().clone();
        let connections = self.public.taken();
        let mut public = JoinSet::new();
        public.spawn(self.public.serve(config.clone(), lifecycle.clone()));
        // It has a life of its own: while clients are sent away, probes are not.
        let management_lifecycle = Lifecycle::new();
        let mut management = JoinSet::new();
        if let Some(port) = self.management {
            management.spawn(port.serve(config.clone(), management_lifecycle.clone()));
        }

        let shutdown = self.app.component::<Shutdown>().clone();
        tokio::select! {
            () = signal() => {}
            () = shutdown.requested() => {}
        }
        lifecycle.enter(Phase::Draining);
        let drained = drain_for(drain, &mut signal).await;
        let start = Instant::now();
        lifecycle.enter(Phase::Stopping);
        let in_order = drained && {
            let limit = limit.saturating_sub(CLOSE_LIMIT.min(limit / 10));
            finish(&mut public, &connections, limit, &mut signal).await
        };
        // Ends the connections, and what their requests are doing.
        public.shutdown().await;
        let left = limit.saturating_sub(start.elapsed());
        let left = if in_order {
            left
        } else {
            left.min(CLOSE_LIMIT)
        };
        tokio::select! {
            () = self.app.database.close_within(left) => {}
            () = signal() => warn!("stopped: the database's connections were cut off by another signal"),
        }
        management_lifecycle.enter(Phase::Stopping);
        let ended = async { while management.join_next().await.is_some() {} };
        // What is left is a probe that will see the port closed in a moment anyway.
        let _ = timeout(LAST_PROBE, ended).await;
    }
}

/// Goes on serving for so long; not, if there is another signal.
async fn drain_for(drain: Duration, signal: &mut impl AsyncFnMut()) -> bool {
    if drain.is_zero() {
        return true;
    }
    info!(
        "draining: not ready any more; requests are served for {} s, so that clients find another instance",
        drain.as_secs()
    );
    tokio::select! {
        () = sleep(drain) => true,
        () = signal() => {
            warn!("stopped: requests were cut off by a second signal");
            false
        }
    }
}

/// Waits until all requests have ended, or their time is over; not, if there is another signal.
async fn finish(
    public: &mut JoinSet<()>,
    connections: &Arc<AtomicUsize>,
    limit: Duration,
    signal: &mut impl AsyncFnMut(),
) -> bool {
    info!(
        "stopping: requests have {:.1} s to end",
        limit.as_secs_f64()
    );
    let all_ended = async { while public.join_next().await.is_some() {} };
    tokio::select! {
        ended = timeout(limit, all_ended) => {
            if ended.is_ok() {
                info!("stopped: all requests have ended");
            } else {
                let count = connections.load(Ordering::Relaxed);
                warn!(connections = count, "stopped: requests were cut off, their time is over");
            }
            true
        }
        () = signal() => {
            warn!("stopped: requests were cut off by a second signal");
            false
        }
    }
}

//! The listeners, and how the service starts and stops.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};
use std::{io, iter};

use axum::extract::ConnectInfo;
use axum::serve::{Listener, ListenerExt};
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::Layer;
use tracing::{info, warn};

use super::docs;
use super::routes::{Api, RoutesError};
use super::surface::Surface;
use crate::core::config::{DocsConfig, ServerConfig};
use crate::core::state::AppState;

/// What is kept of the time to stop for closing the database's connections, at most.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

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
    /// The registered routes contradict each other.
    #[error(transparent)]
    Routes(#[from] RoutesError),
}

/// A service whose ports are bound: from now on clients can connect, and are answered as soon as it runs.
pub struct Server {
    app: AppState,
    public: Port,
    management: Option<Port>,
}

struct Port {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Checks everything that can be wrong before the first request, and binds the ports.
    ///
    /// # Errors
    ///
    /// See [`ServeError`].
    pub async fn bind(app: AppState) -> Result<Self, ServeError> {
        let config = app.config.section::<ServerConfig>();
        let api = Api::registered()?;
        let surface = match config.management_port {
            Some(_) => Surface::Public,
            None => Surface::All,
        };
        let public = api.router(&app, surface);
        let public = Port::bind("SERVER_PORT", config.host, config.port, public).await?;
        let management = match config.management_port {
            Some(port) => {
                let router = api.router(&app, Surface::Management);
                Some(Port::bind("SERVER_MANAGEMENT_PORT", config.host, port, router).await?)
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

    /// Serves until `signal` ends for the first time. Then no connection is accepted any more, requests are let end, and at last the
    /// database's connections are closed: all within `SERVER_SHUTDOWN_TIMEOUT_SECS`. When that is over, or `signal` ends again, the
    /// rest is cut off.
    pub async fn run_until(self, mut signal: impl AsyncFnMut()) {
        let config = self.app.config.section::<ServerConfig>();
        let limit = Duration::from_secs(config.shutdown_timeout_secs);
        let limit_of_requests = limit.saturating_sub(CLOSE_LIMIT.min(limit / 10));
        let (stop, stopped) = watch::channel(false);
        let mut ports = JoinSet::new();
        for port in iter::once(self.public).chain(self.management) {
            ports.spawn(port.serve(stopped.clone()));
        }
        signal().await;
        let start = Instant::now();
        info!(
            "stopping: requests have {:.1} s to end",
            limit_of_requests.as_secs_f64()
        );
        stop.send_replace(true);
        let all_ended = async { while ports.join_next().await.is_some() {} };
        tokio::select! {
            ended = timeout(limit_of_requests, all_ended) => {
                if ended.is_ok() {
                    info!("stopped: all requests have ended");
                } else {
                    warn!("stopped: requests were cut off, their time is over");
                }
            }
            () = signal() => warn!("stopped: requests were cut off by a second signal"),
        }
        // Ends the connections, and what their requests are doing.
        ports.shutdown().await;
        let left = limit.saturating_sub(start.elapsed());
        tokio::select! {
            () = self.app.database.close_within(left) => {}
            () = signal() => warn!("stopped: the database's connections were cut off by another signal"),
        }
    }
}

impl Port {
    async fn bind(
        key: &'static str,
        host: IpAddr,
        port: u16,
        router: Router,
    ) -> Result<Self, ServeError> {
        let address = SocketAddr::new(host, port);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { key, port },
            _ => ServeError::Listen {
                key,
                address,
                source,
            },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            router,
        })
    }

    /// Serves until `stopped` and all requests have ended. Whoever drops this future ends its connections, whatever they are doing,
    /// which is why it isn't left to `axum::serve`: that one's connections go on without it.
    async fn serve(self, mut stopped: watch::Receiver<bool>) {
        // An answer is written at once; waiting for more to send with it would only add 40 ms.
        let mut listener = self.listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                // The one of axum: when the system has no more files, it waits and goes on.
                (stream, peer) = listener.accept() => {
                    connections.spawn(serve_connection(stream, peer, self.router.clone(), stopped.clone()));
                }
                // Those that have ended must be taken out.
                Some(_) = connections.join_next() => {}
                () = told(&mut stopped) => break,
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Answers requests, of HTTP/1 or HTTP/2, until the client hangs up; or, once `stopped`, until the requests that are there are answered.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let builder = Builder::new(TokioExecutor::new());
    // As `axum::serve` would give it, for whoever asks who calls.
    let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(router));
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Waits until the service is to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // If the sender is gone, so is everybody who could want an answer.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The signals that ask the service to stop: SIGTERM (Kubernetes) and SIGINT (Ctrl-C).
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on these signals don't end the process.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        tokio::select! {
            Some(()) = self.terminate.recv() => {}
            Some(()) = self.interrupt.recv() => {}
            else => pending().await,
        }
    }

    /// From now on Ctrl-C doesn't end the process.
    ///
    /// # Errors
    ///
    /// None, other than on Unix.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix, where it can fail")]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    }
}

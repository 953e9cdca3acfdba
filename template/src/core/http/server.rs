//! The listeners, and how the service starts and stops.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::docs;
use super::routes::{Api, RoutesError};
use super::surface::Surface;
use crate::core::config::{DocsConfig, ServerConfig};
use crate::core::state::AppState;

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
    /// The system refuses to tell us when to stop.
    #[error("can't listen for signals")]
    Signals(#[source] io::Error),
}

/// Serves the service until it is told to stop: [`Server::bind`] and [`Server::run`].
///
/// # Errors
///
/// See [`ServeError`].
pub async fn serve(app: AppState) -> Result<(), ServeError> {
    Server::bind(app).await?.run().await
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

    /// Serves until SIGTERM or SIGINT. Then no connection is accepted any more, and requests have `SERVER_SHUTDOWN_TIMEOUT_SECS` to end; a second
    /// signal ends them at once. At the end the database's connections are closed.
    ///
    /// # Errors
    ///
    /// [`ServeError::Signals`].
    pub async fn run(self) -> Result<(), ServeError> {
        let mut signals = Signals::listen().map_err(ServeError::Signals)?;
        self.run_until(async move || signals.next().await).await;
        Ok(())
    }

    /// Serves until `signal` ends for the first time; at the second, requests are cut off.
    pub async fn run_until(self, mut signal: impl AsyncFnMut()) {
        let config = self.app.config.section::<ServerConfig>();
        let limit = Duration::from_secs(config.shutdown_timeout_secs);
        let (stop, stopped) = watch::channel(false);
        let public = self.public.serve(stopped.clone());
        let management = async {
            match self.management {
                Some(port) => port.serve(stopped).await,
                None => Ok(()),
            }
        };
        let served = async { tokio::join!(public, management) };
        tokio::pin!(served);
        tokio::select! {
            ended = &mut served => {
                warn!(?ended, "the server ended without being told to");
            }
            () = signal() => {
                info!("stopping: requests have {} s to end", limit.as_secs());
                // There are receivers as long as the ports are served.
                let _ = stop.send(true);
                tokio::select! {
                    ended = timeout(limit, served) => {
                        if ended.is_ok() {
                            info!("stopped: all requests have ended");
                        } else {
                            warn!("stopped: requests were cut off, their time is over");
                        }
                    }
                    () = signal() => warn!("stopped: requests were cut off by a second signal"),
                }
            }
        }
        self.app.database.close().await;
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

    async fn serve(self, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        // An answer is written at once; waiting for more to send with it would only add 40 ms.
        let listener = self.listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        axum::serve(listener, self.router)
            .with_graceful_shutdown(async move {
                // If the sender is gone, so is everybody who could want an answer.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            })
            .await
    }
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

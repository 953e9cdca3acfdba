//! A port: what listens there, and the connections that were accepted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::ServeError;
use super::connection::Connections;
use super::lifecycle::{Lifecycle, Phase};
use super::places::Places;
use crate::core::config::ServerConfig;

/// Connections that wait to be accepted; the system may keep it shorter. With the usual 128, of a few hundred clients that come at once
/// some are told that they are connected, and forgotten.
const QUEUE: u32 = 4096;

/// A port that is bound.
pub(super) struct Port {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    router: Router,
    places: Places,
}

impl Port {
    pub(super) fn bind(
        key: &'static str,
        host: IpAddr,
        port: u16,
        router: Router,
        places: Places,
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
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            router,
            places,
        })
    }

    /// How many connections there are.
    pub(super) fn taken(&self) -> Arc<AtomicUsize> {
        self.places.taken()
    }

    /// Serves until the service stops and all requests have ended. Whoever drops this future ends its connections, whatever they are
    /// doing, which is one reason not to leave it to `axum::serve`: that one's connections go on without it.
    pub(super) async fn serve(self, config: ServerConfig, lifecycle: Lifecycle) {
        let Self {
            listener,
            router,
            mut places,
            ..
        } = self;
        let all = Arc::new(Connections::new(&config, router, lifecycle.clone()));
        let mut running = JoinSet::new();
        {
            let mut stopping = std::pin::pin!(lifecycle.reached(Phase::Stopping));
            loop {
                let next = async {
                    // Whoever comes when there is no place waits in the system's queue.
                    let permit = places.wait().await;
                    let (stream, peer) = accept(&listener).await;
                    (places.take(permit), stream, peer)
                };
                tokio::select! {
                    (place, stream, peer) = next => {
                        running.spawn(Arc::clone(&all).serve(stream, peer, place));
                    }
                    // Those that have ended must be taken out.
                    Some(_) = running.join_next() => {}
                    () = &mut stopping => break,
                }
            }
        }
        // To their clients these are connected: closing the port would reset them.
        for (stream, peer) in waiting(listener) {
            if let Some(permit) = places.permit() {
                let place = places.take(permit);
                running.spawn(Arc::clone(&all).serve(stream, peer, place));
            }
        }
        while running.join_next().await.is_some() {}
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart must not wait for the last connections of the one before. On Windows the option means something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Waits for the next connection, however long the system can't give one.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        match error.kind() {
            // Of clients that left before they were accepted.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset => {}
            // Mostly there are no more open files. The connection stays in the queue, so the next try would fail as well.
            _ => {
                warn!(%error, "can't accept connections: trying again in a second");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Closes the port, and gives what was not accepted yet. The listener of the runtime would not tell: it waits for the system to speak.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut waiting = Vec::new();
    let taken = listener.into_std().and_then(|listener| {
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    waiting.push((TcpStream::from_std(stream)?, peer));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    });
    if let Err(error) = taken {
        debug!(%error, "connections that were waiting are lost");
    }
    waiting
}

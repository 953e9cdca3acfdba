//! One connection, from its first byte to its last.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::activity::{Activity, Limits, Overdue};
use super::lifecycle::{Lifecycle, Phase};
use super::places::Place;
use super::requests::Requests;
use super::socket::Socket;
use super::streams::Streams;
use crate::core::config::ServerConfig;

/// A head of HTTP/1 that is not complete yet, and what is read at a time of a body, or kept of an answer before it is written. Whoever
/// sends all of a head but its end keeps this much of our memory; bodies are no faster with more.
const HTTP1_BUFFER: usize = 16 * 1024;

/// What h2 takes on of an answer before it is written.
const SEND_BUFFER: usize = 64 * 1024;

/// Requests of one connection of HTTP/2 at a time.
const STREAMS: u32 = 128;

/// A connection's uploads of HTTP/2 together, on their way to their handlers.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// A head of HTTP/2, when its compression is undone.
const HEADER_LIST: u32 = 16 * 1024;

/// Requests that the client took back before they were looked at (CVE-2023-44487). More end the connection.
const RESET_STREAMS: usize = 20;

/// Errors that the client may cause, each of which ends a request only. More end the connection.
const FAULTY_STREAMS: usize = 100;

/// What all connections of a port have in common.
pub(super) struct Connections {
    builder: Builder<Streams>,
    limits: Limits,
    router: Router,
    lifecycle: Lifecycle,
}

impl Connections {
    pub(super) fn new(config: &ServerConfig, router: Router, lifecycle: Lifecycle) -> Self {
        let limits = Limits::new(config);
        let mut builder = Builder::new(Streams {
            stall: limits.stall,
        });
        // No timer of hyper's for HTTP/1: see `activity`.
        builder.http1().max_buf_size(HTTP1_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            // Who is there answers a ping, whatever else it does; who is not keeps no request running.
            .keep_alive_interval(limits.idle / 3)
            .keep_alive_timeout(limits.head)
            .max_concurrent_streams(STREAMS)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(CONNECTION_WINDOW / 4)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HEADER_LIST)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(FAULTY_STREAMS);
        Self {
            builder,
            limits,
            router,
            lifecycle,
        }
    }

    /// Answers requests, of HTTP/1 or HTTP/2, until the client hangs up or is too slow; or, when the service stops, until the requests
    /// that are there are answered.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // An answer is written at once; waiting for more to send with it would only add 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection keeps its delay");
        }
        let activity = Arc::new(Activity::begin());
        let socket = Socket::new(stream, Arc::clone(&activity), place);
        let requests = Requests::new(self.router.clone(), peer, Arc::clone(&activity));
        let connection = self.builder.serve_connection_with_upgrades(
            TokioIo::new(socket),
            TowerToHyperService::new(requests),
        );
        let mut connection = pin!(connection);
        let mut phases = pin!(async {
            self.lifecycle.reached(Phase::Draining).await;
            activity.leave();
            self.lifecycle.reached(Phase::Stopping).await;
        });
        let mut limits = self.limits;
        let mut alarm = pin!(sleep_until(Instant::now() + limits.head));
        let (mut told, mut leaving, mut announced) = (false, false, false);
        loop {
            let event = poll_fn(|context| {
                if !told && phases.as_mut().poll(context).is_ready() {
                    told = true;
                    return Poll::Ready(Event::Stopping);
                }
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(Event::Ended(ended));
                }
                // Only now is it known what the connection is, and waits for.
                if leaving && !announced && activity.is_http2() {
                    return Poll::Ready(Event::Announce);
                }
                overdue(&activity, &limits, alarm.as_mut(), context).map(Event::Overdue)
            });
            match event.await {
                Event::Ended(ended) => {
                    if let Err(error) = ended {
                        debug!(%error, %peer, "a connection ended with an error");
                    }
                    return;
                }
                Event::Stopping => {
                    leaving = true;
                    limits = limits.of_farewell();
                    activity.restart();
                    alarm.as_mut().reset(Instant::now() + limits.idle);
                    // hyper would drop the beginning of a request; its answer will end the connection as well.
                    if !activity.awaits_head() {
                        announced = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
                // It was young, and has turned out to be of HTTP/2, whose answers don't say that they are the last.
                Event::Announce => {
                    announced = true;
                    connection.as_mut().graceful_shutdown();
                }
                // Of HTTP/1 this is the end. A client of HTTP/2 is told, and may have sent a request before it knew.
                Event::Overdue(Overdue::Idle) if !leaving => {
                    leaving = true;
                    limits = limits.of_farewell();
                    activity.restart();
                    alarm.as_mut().reset(Instant::now() + limits.idle);
                    announced = true;
                    connection.as_mut().graceful_shutdown();
                }
                Event::Overdue(overdue) => {
                    debug!(%peer, setting = overdue.setting(), "a connection was cut off: its time is over");
                    return;
                }
            }
        }
    }
}

/// What happens to a connection.
enum Event<E> {
    Ended(Result<(), E>),
    Stopping,
    Announce,
    Overdue(Overdue),
}

/// Waits until a time is over. There is one alarm for all of them, which is set back as seldom as can be: this is asked several times
/// for each request.
fn overdue(
    activity: &Activity,
    limits: &Limits,
    mut alarm: Pin<&mut Sleep>,
    context: &mut Context<'_>,
) -> Poll<Overdue> {
    loop {
        let due = activity.due(limits);
        if let Some((at, _)) = due
            && at < alarm.deadline()
        {
            alarm.as_mut().reset(at);
        }
        ready!(alarm.as_mut().poll(context));
        let now = Instant::now();
        match due {
            Some((at, overdue)) if at <= now => return Poll::Ready(overdue),
            // It rang for what is over since.
            Some((at, _)) => alarm.as_mut().reset(at),
            // A request of HTTP/2 may end without our being asked: look in time for what could begin then.
            None => alarm.as_mut().reset(now + limits.idle),
        }
    }
}

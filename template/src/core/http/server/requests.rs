//! The requests of one connection, on their way to the router and back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, Version};
use axum::routing::future::RouteFuture;
use futures::FutureExt;
use http_body::{Frame, SizeHint};
use tower::{BoxError, Service};

use super::activity::Activity;
use super::piece::Piece;
use super::streams::Handover;
use crate::core::http::middleware::InFlight;

/// Tells the [`Activity`] when requests begin and end, and handlers who is at the other end ([`ConnectInfo`]).
#[derive(Clone)]
pub(super) struct Requests {
    router: Router,
    peer: SocketAddr,
    activity: Arc<Activity>,
}

impl Requests {
    pub(super) fn new(router: Router, peer: SocketAddr, activity: Arc<Activity>) -> Self {
        Self {
            router,
            peer,
            activity,
        }
    }
}

impl<B> Service<Request<B>> for Requests
where
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        let running = Running::begin(Arc::clone(&self.activity));
        let is_http1 = request.version() < Version::HTTP_2;
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = if is_http1 {
            let activity = Arc::clone(&self.activity);
            let upload = |body| Upload {
                body,
                activity,
                ended: false,
            };
            self.router.call(request.map(upload))
        } else {
            self.router.call(request)
        };
        Answering {
            answer,
            running: Some(running),
            is_http1,
        }
    }
}

/// A request under way, until its answer has been handed over or dropped.
struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.request_begins();
        Self(activity)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

/// A request until its answer begins.
pub(super) struct Answering {
    answer: RouteFuture<Infallible>,
    running: Option<Running>,
    is_http1: bool,
}

impl Future for Answering {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut answer) = ready!(self.answer.poll_unpin(context));
        let running = self.running.take();
        // HTTP/2 has no such header: there the end of the connection is announced once, when it comes.
        let leaves = self.is_http1
            && running
                .as_ref()
                .is_some_and(|running| running.0.is_leaving());
        if leaves {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        let in_flight = answer.extensions_mut().remove::<InFlight>();
        let handover = Handover::current();
        if let Some(handover) = &handover {
            handover.waits_for_client();
        }
        Poll::Ready(Ok(answer.map(|body| Answer {
            body,
            handover,
            _in_flight: in_flight,
            _running: running,
        })))
    }
}

/// The body of an answer. As long as there is more of it, the request is under way; of HTTP/2 until the client has been sent it all.
pub(super) struct Answer {
    body: Body,
    handover: Option<Arc<Handover>>,
    _in_flight: Option<InFlight>,
    _running: Option<Running>,
}

impl HttpBody for Answer {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        if let Some(handover) = &self.handover {
            ready!(handover.poll_free(context));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let handover = self.handover.as_ref();
        if let Some(handover) = handover {
            match frame {
                Poll::Ready(_) => handover.waits_for_client(),
                Poll::Pending => handover.waits_for_us(),
            }
        }
        let piece = |bytes| Piece::new(bytes, handover);
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        // Whoever is told of the end asks no more, and would not see whether it arrives.
        let arrives = self.handover.as_ref();
        !arrives.is_some_and(|handover| handover.is_under_way()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request of HTTP/1. What nobody reads of it comes all the same, and is no beginning of another head.
struct Upload<B: HttpBody> {
    body: B,
    activity: Arc<Activity>,
    ended: bool,
}

impl<B: HttpBody + Unpin> HttpBody for Upload<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: HttpBody> Drop for Upload<B> {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.activity.body_is_left();
        }
    }
}

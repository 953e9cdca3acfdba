//! A limit for the requests under way: more of them would only make all of them slow.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::Either;
use metrics::{counter, gauge};
use tower::Service;
use tracing::warn;

use crate::core::http::error::{AppError, ProblemCode};

/// The metric of requests that were answered with 503 at once.
const SHED: &str = "http_server_requests_shed_total";
/// The metric of the limit itself: how near it is, only the two together say.
const MAX: &str = "http_server_active_requests_max";

crate::register_metrics! {
    gauge MAX: "Requests that may be under way.";
    counter SHED: "Requests answered with 503 at once, since SERVER_MAX_IN_FLIGHT were under way.";
}

/// When a client may come again: what is under way mostly ends within a second.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often the log says that requests are shed.
const REMINDER: Duration = Duration::from_secs(10);

/// The requests under way, of all routes together.
pub(super) struct Limit {
    most: usize,
    running: AtomicUsize,
    untold: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Limit {
    #[expect(clippy::cast_precision_loss, reason = "at most 100000")]
    pub(super) fn new(most: usize) -> Arc<Self> {
        gauge!(MAX).set(most as f64);
        Arc::new(Self {
            most,
            running: AtomicUsize::new(0),
            untold: AtomicU64::new(0),
            told: Mutex::new(None),
        })
    }

    fn admit(self: &Arc<Self>) -> Option<InFlight> {
        if self.running.fetch_add(1, Ordering::Relaxed) < self.most {
            return Some(InFlight(Arc::new(Running(Arc::clone(self)))));
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Nobody waits in a queue: it would be full of those whose clients have left.
    fn shed(&self) -> AppError {
        counter!(SHED).increment(1);
        self.untold.fetch_add(1, Ordering::Relaxed);
        // If it is locked, somebody else is telling.
        if let Ok(mut told) = self.told.try_lock()
            && told.is_none_or(|told| told.elapsed() > REMINDER)
        {
            *told = Some(Instant::now());
            let (shed, most) = (self.untold.swap(0, Ordering::Relaxed), self.most);
            warn!(
                shed,
                "overloaded: {most} requests are under way (SERVER_MAX_IN_FLIGHT), more are answered with 503"
            );
        }
        AppError::new(ProblemCode::Overloaded)
            .with_retry_after(RETRY_AFTER)
            .expected()
    }
}

/// A request under way. It travels in the answer's extensions to the connection, which keeps it until the answer has been sent.
#[derive(Clone)]
pub(in crate::core::http) struct InFlight(
    #[expect(dead_code, reason = "it is dropped")] Arc<Running>,
);

struct Running(Arc<Limit>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers with 503 what is more than the limit, without a look at it.
#[derive(Clone)]
pub(super) struct LimitInFlight<S> {
    inner: S,
    limit: Arc<Limit>,
}

impl<S> LimitInFlight<S> {
    pub(super) fn new(inner: S, limit: Arc<Limit>) -> Self {
        Self { inner, limit }
    }
}

impl<S> Service<Request> for LimitInFlight<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Unpin>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Admitted<S::Future>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.limit.admit() {
            Some(in_flight) => Either::Left(Admitted {
                answer: self.inner.call(request),
                in_flight: Some(in_flight),
            }),
            None => Either::Right(ready(Ok(self.limit.shed().into_response()))),
        }
    }
}

/// A request that is one of those under way.
pub(super) struct Admitted<F> {
    answer: F,
    in_flight: Option<InFlight>,
}

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for Admitted<F> {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut answer) = task::ready!(self.answer.poll_unpin(context));
        if let Some(in_flight) = self.in_flight.take() {
            answer.extensions_mut().insert(in_flight);
        }
        Poll::Ready(Ok(answer))
    }
}

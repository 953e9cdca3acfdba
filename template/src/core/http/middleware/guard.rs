//! Keeps a handler from taking the connection down with it, and from taking for ever.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::Map;
use tokio::time::Timeout;
use tokio::time::error::Elapsed;
use tower::Service;

use crate::core::http::error::AppError;
use crate::core::telemetry::panics::{self, Panic};

/// Turns a panic into a 500 and a request that takes longer than it may into a 504. A future that is too slow is dropped, and with
/// it what it waits for: statements are cancelled.
#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    limit: Duration,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

type Ended = fn(Result<Result<Response, Panic>, Elapsed>) -> Result<Response, Infallible>;

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Unpin>,
{
    type Response = Response;
    type Error = Infallible;
    // Named, not boxed: this runs for every request.
    type Future = Map<Timeout<Caught<S::Future>>, Ended>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = Caught(self.inner.call(request));
        tokio::time::timeout(self.limit, answer).map(ended as Ended)
    }
}

/// A future that ends where it panics. It is not polled again, so nothing of it is looked at after that.
pub(super) struct Caught<F>(F);

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for Caught<F> {
    type Output = Result<Response, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match panics::catch(|| self.0.poll_unpin(context)) {
            Ok(polled) => polled.map(|Ok(response)| Ok(response)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a future of a service")]
fn ended(answer: Result<Result<Response, Panic>, Elapsed>) -> Result<Response, Infallible> {
    Ok(match answer {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => AppError::internal(panic).into_response(),
        Err(_) => AppError::timeout("The request took longer than it may.").into_response(),
    })
}

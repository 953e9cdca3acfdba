//! Keeps a handler from taking the connection down with it, and from taking for ever.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{CatchUnwind, Map};
use tokio::time::Timeout;
use tokio::time::error::Elapsed;
use tower::Service;

use crate::core::http::error::AppError;

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

type Caught = Result<Result<Response, Infallible>, Box<dyn Any + Send>>;
type Ended = fn(Result<Caught, Elapsed>) -> Result<Response, Infallible>;

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    // Named, not boxed: this runs for every request.
    type Future = Map<Timeout<CatchUnwind<AssertUnwindSafe<S::Future>>>, Ended>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Nothing of the handler's is looked at after a panic.
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        tokio::time::timeout(self.limit, answer).map(ended as Ended)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a future of a service")]
fn ended(answer: Result<Caught, Elapsed>) -> Result<Response, Infallible> {
    Ok(match answer {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => {
            AppError::internal(format!("panic: {}", message(&*panic))).into_response()
        }
        Err(_) => AppError::timeout("The request took longer than it may.").into_response(),
    })
}

/// What `panic!` was given.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

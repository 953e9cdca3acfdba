//! Keeps a handler from taking the connection down with it, and from taking for ever.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{Either, Map};
use tokio::task::futures::TaskLocalFuture;
use tokio::time::Timeout;
use tokio::time::error::Elapsed;
use tower::Service;

use crate::core::deadline::Deadline;
use crate::core::http::error::AppError;
use crate::core::telemetry::panics::{self, Panic};

/// The header by which a client says how long it waits for the answer, in seconds.
const X_REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// Turns a panic into a 500 and a request that takes longer than it may into a 504. A future that is too slow is dropped, and with
/// it what it waits for: statements are cancelled. What works for the request can ask for its [`Deadline`].
#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    limit: Duration,
    /// Whether clients may ask for less time.
    asks_client: bool,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, limit: Duration, asks_client: bool) -> Self {
        Self {
            inner,
            limit,
            asks_client,
        }
    }
}

type Ended = fn(Result<Result<Response, Panic>, Elapsed>) -> Result<Response, Infallible>;
type Guarded<F> = Map<Timeout<TaskLocalFuture<Deadline, Caught<F>>>, Ended>;

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Unpin>,
{
    type Response = Response;
    type Error = Infallible;
    // Named, not boxed: this runs for every request.
    type Future = Either<Guarded<S::Future>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let wished = if self.asks_client {
            wished(request.headers())
        } else {
            Ok(None)
        };
        let (limit, ended) = match wished {
            Ok(Some(wished)) if wished < self.limit => (wished, ended_as_wished as Ended),
            Ok(_) => (self.limit, ended as Ended),
            Err(refused) => return Either::Right(ready(Ok(refused.into_response()))),
        };
        let deadline = Deadline::after(limit);
        let answer = deadline.scope(Caught(self.inner.call(request)));
        Either::Left(tokio::time::timeout_at(deadline.at(), answer).map(ended))
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

fn ended(answer: Result<Result<Response, Panic>, Elapsed>) -> Result<Response, Infallible> {
    end(answer, "The request took longer than it may.")
}

fn ended_as_wished(
    answer: Result<Result<Response, Panic>, Elapsed>,
) -> Result<Response, Infallible> {
    end(
        answer,
        "The request took longer than X-Request-Timeout allows.",
    )
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a future of a service")]
fn end(
    answer: Result<Result<Response, Panic>, Elapsed>,
    too_late: &'static str,
) -> Result<Response, Infallible> {
    Ok(match answer {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => AppError::internal(panic).into_response(),
        Err(_) => AppError::timeout(too_late).into_response(),
    })
}

/// The time that the client gives.
fn wished(headers: &HeaderMap) -> Result<Option<Duration>, AppError> {
    let mut values = headers.get_all(X_REQUEST_TIMEOUT).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let seconds = value.to_str().ok().filter(|_| values.next().is_none());
    match seconds.and_then(seconds_of) {
        Some(time) => Ok(Some(time)),
        None => Err(AppError::parameter(
            "X-Request-Timeout",
            "must be a number of seconds above 0, such as 2.5",
        )),
    }
}

/// A plain decimal number; what else Rust reads as one (`1e9`, `inf`) is no time that anybody means.
fn seconds_of(text: &str) -> Option<Duration> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = is_plain.then(|| text.parse().ok())??;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (!time.is_zero()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_plain_decimal_number_above_zero() {
        let accepted = [
            ("1", 1000),
            ("0.1", 100),
            ("2.50", 2500),
            ("007", 7000),
            ("3.", 3000),
        ];
        for (text, millis) in accepted {
            assert_eq!(
                seconds_of(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        let refused = [
            "",
            " 1",
            "0",
            "0.0",
            "-1",
            "+1",
            ".5",
            "1e3",
            "1,5",
            "1.2.3",
            "inf",
            "NaN",
            "5s",
            "0.00000000001",
            "99999999999999999999999999",
        ];
        for text in refused {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }
}

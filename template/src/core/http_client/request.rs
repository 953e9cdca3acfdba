//! One request to another service, with as many attempts as it may have.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Request, RequestBuilder};
use serde::Serialize;
use tokio::time::sleep;
use tracing::{Instrument, debug};

use super::HttpClient;
use super::answer::Answer;
use super::attempt::Attempt;
use super::error::HttpClientError;
use super::retry;
use super::upstream::Upstream;
use crate::core::deadline::Deadline;
use crate::core::request_id::RequestId;
use crate::core::telemetry;

/// How large an answer's body may be unless a request says otherwise, in bytes: 8 MiB, so that 100 answers at once
/// (`HTTP_CLIENT_MAX_CONNECTIONS`) stay below 1 GiB.
const BODY_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// A request that was not sent yet.
#[must_use]
pub struct OutboundRequest {
    client: HttpClient,
    request: RequestBuilder,
    limit: Duration,
    max_retries: u32,
    body_limit: usize,
    is_ping: bool,
}

impl OutboundRequest {
    pub(super) fn new(client: HttpClient, request: RequestBuilder) -> Self {
        Self {
            request,
            limit: client.limit,
            max_retries: client.max_retries,
            client,
            body_limit: BODY_LIMIT_BYTES,
            is_ping: false,
        }
    }

    /// Makes one attempt, of which the breaker learns nothing.
    pub(super) fn for_ping(mut self) -> Self {
        self.is_ping = true;
        self.max_retries(0)
    }

    /// Adds a header. With `Idempotency-Key` a POST or PATCH is tried again like a GET.
    pub fn header(self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        self.map(|request| request.header(name, value.as_ref()))
    }

    /// Adds parameters to the query.
    pub fn query(self, query: &(impl Serialize + ?Sized)) -> Self {
        self.map(|request| request.query(query))
    }

    /// Sends this as a JSON body.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.map(|request| request.json(body))
    }

    /// Lets the whole, with all attempts, take at most this long, if that is less than the client's limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit.min(self.client.limit);
        self
    }

    /// Makes at most so many attempts after the first, instead of `HTTP_CLIENT_MAX_RETRIES`.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Reads an answer whose body has at most this many bytes, instead of 8 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    fn map(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            ..self
        }
    }

    /// Sends it and waits for status and headers. Any status is an answer, see [`Answer::success`].
    ///
    /// What is safe to be sent twice is sent again, up to `HTTP_CLIENT_MAX_RETRIES` times, if no connection came about, if it ended
    /// before the answer began, or if the answer is 429, 502, 503 or 504: after a random pause that may double each time, and not
    /// before the time that `Retry-After` names. If the pause would end after the time of the whole, or the breaker is open now, what
    /// was answered last is the answer.
    ///
    /// # Errors
    ///
    /// If there is no answer, see [`HttpClientError`].
    pub async fn send(self) -> Result<Answer, HttpClientError> {
        let request = self.request.build()?;
        let upstream = self.client.upstreams.of(request.url());
        let inbound = Deadline::current();
        let permit = if self.is_ping {
            upstream.look()?;
            None
        } else {
            upstream.admit()?
        };
        let mut attempt = Attempt::begin(&upstream, permit, &request, 0);
        // The time of the whole counts from here on: the wait for a place has a limit of its own.
        let mut place = self.client.place(inbound, &mut attempt).await?;
        let own = Deadline::after(self.limit);
        let over = inbound.map_or(own, |inbound| inbound.min(own));
        let mut resends = 0;
        let mut request = request;
        loop {
            let spare = (resends < self.max_retries && retry::is_repeatable(&request))
                .then(|| request.try_clone())
                .flatten();
            let span = attempt.span();
            let tried = try_once(&self.client, request, over, own, attempt);
            let tried = tried.instrument(span).await;
            let again = match &tried {
                Ok(tried) if retry::is_passing(tried.response.status()) => {
                    Some(retry::retry_after(tried.response.headers()))
                }
                Err(tried) if tried.is_broken => Some(None),
                _ => None,
            };
            let next = again.and_then(|retry_after| {
                let pause = retry::pause(resends + 1, retry_after);
                // If this attempt has opened the breaker, its answer is the answer.
                let may_follow = pause < over.left() && upstream.look().is_ok();
                let spare = spare.filter(|_| may_follow && upstream.withdraw())?;
                Some((spare, pause))
            });
            let Some((spare, pause)) = next else {
                let Tried { response, attempt } = tried.map_err(|failed| failed.error)?;
                return Ok(Answer::new(response, self.body_limit, place, attempt));
            };
            resends += 1;
            say(&upstream, resends, pause, &tried);
            // Nothing is kept while it waits.
            drop((tried, place));
            sleep(pause).await;
            attempt = Attempt::begin(&upstream, upstream.admit()?, &spare, resends);
            place = self.client.place(Some(over), &mut attempt).await?;
            request = spare;
        }
    }
}

/// An answer, and what is still measured of it.
struct Tried {
    response: reqwest::Response,
    attempt: Attempt,
}

struct Failed {
    error: HttpClientError,
    /// Whether the request broke down on its way.
    is_broken: bool,
}

async fn try_once(
    client: &HttpClient,
    mut request: Request,
    over: Deadline,
    own: Deadline,
    mut attempt: Attempt,
) -> Result<Tried, Failed> {
    attempt.sent();
    add_context(request.headers_mut());
    // Covers reading the answer, too.
    *request.timeout_mut() = Some(over.left());
    match client.client.execute(request).await {
        Ok(response) => {
            attempt.answered(response.status());
            Ok(Tried { response, attempt })
        }
        Err(error) => {
            let is_broken = retry::is_broken(&error);
            let error = HttpClientError::from(error);
            let had_no_time = over < own && over.left().is_zero();
            attempt.failed(&error, !had_no_time);
            Err(Failed { error, is_broken })
        }
    }
}

/// What every request takes along of the one that is being answered. It runs within the span of the attempt.
fn add_context(headers: &mut HeaderMap) {
    if let Some(id) = RequestId::current() {
        headers.insert("x-request-id", id.header());
    }
    telemetry::inject(headers);
}

fn say(upstream: &Upstream, resends: u32, pause: Duration, tried: &Result<Tried, Failed>) {
    let reason = match tried {
        Ok(tried) => tried.response.status().to_string(),
        Err(failed) => failed.error.to_string(),
    };
    debug!(
        upstream = &*upstream.name,
        reason,
        "attempt {} follows in {} ms",
        resends + 1,
        pause.as_millis()
    );
}

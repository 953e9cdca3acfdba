//! One request to another service, and its answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::HttpClient;
use super::error::{HttpClientError, shown};
use crate::core::request_id::RequestId;

/// How large an answer's body may be unless a request says otherwise, in bytes: 8 MiB, so that 100 answers at once
/// (`HTTP_CLIENT_MAX_CONNECTIONS`) stay below 1 GiB.
const BODY_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// A request that was not sent yet.
#[must_use]
pub struct OutboundRequest {
    client: HttpClient,
    request: RequestBuilder,
    body_limit: usize,
}

impl OutboundRequest {
    pub(super) fn new(client: HttpClient, request: RequestBuilder) -> Self {
        Self {
            client,
            request,
            body_limit: BODY_LIMIT_BYTES,
        }
    }

    /// Adds a header.
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

    /// Lets the whole take at most this long, if that is less than the client's limit.
    pub fn timeout(self, limit: Duration) -> Self {
        let limit = limit.min(self.client.limit);
        self.map(|request| request.timeout(limit))
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
    /// # Errors
    ///
    /// If there is no answer, see [`HttpClientError`].
    pub async fn send(self) -> Result<Answer, HttpClientError> {
        let place = self.client.place().await?;
        let mut request = self.request;
        if let Some(id) = RequestId::current() {
            request = request.header("x-request-id", id.as_str());
        }
        let response = request.send().await?;
        Ok(Answer {
            response,
            body_limit: self.body_limit,
            _place: place,
        })
    }
}

/// The answer to an [`OutboundRequest`]. It keeps its place among the connections until it is read or dropped.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    body_limit: usize,
    _place: OwnedSemaphorePermit,
}

impl Answer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The answer itself, if its status is a success.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Status`] otherwise.
    pub fn success(self) -> Result<Self, HttpClientError> {
        let status = self.status();
        if status.is_success() {
            return Ok(self);
        }
        Err(HttpClientError::Status {
            status,
            url: shown(self.response.url()),
        })
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Answer`] if it is no JSON of this form; others as for [`Answer::bytes`].
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, HttpClientError> {
        let url = shown(self.response.url());
        let body = self.bytes().await?;
        serde_json::from_slice(&body)
            .map_err(|error| HttpClientError::Answer(format!("{url}: {error}")))
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::TooLarge`] if it has more bytes than [`OutboundRequest::body_limit`] says; others if it does not arrive.
    pub async fn bytes(mut self) -> Result<Bytes, HttpClientError> {
        let limit = self.body_limit;
        let url = self.response.url().clone();
        let too_large = HttpClientError::TooLarge {
            limit,
            url: shown(&url),
        };
        // What is announced need not be true, but whoever announces too much needn't be read.
        let announced = self.response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = self.response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| error.with_url(url.clone()))? else {
                return Ok(body.freeze());
            };
            if chunk.len() > limit - body.len() {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
    }
}

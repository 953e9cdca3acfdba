//! One request to another service, and its answer.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::HttpClient;
use super::error::{HttpClientError, shown};
use crate::core::request_id::RequestId;

/// A request that was not sent yet.
#[must_use]
pub struct OutboundRequest {
    client: HttpClient,
    request: RequestBuilder,
}

impl OutboundRequest {
    pub(super) fn new(client: HttpClient, request: RequestBuilder) -> Self {
        Self { client, request }
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

    fn map(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            client: self.client,
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
            _place: place,
        })
    }
}

/// The answer to an [`OutboundRequest`]. It keeps its place among the connections until it is read or dropped.
#[derive(Debug)]
pub struct Answer {
    response: Response,
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
    /// [`HttpClientError::Answer`] if it is no JSON of this form; others if it does not arrive.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, HttpClientError> {
        Ok(self.response.json().await?)
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// If it does not arrive, see [`HttpClientError`].
    pub async fn bytes(self) -> Result<Bytes, HttpClientError> {
        Ok(self.response.bytes().await?)
    }
}

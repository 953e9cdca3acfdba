//! The answer of another service.

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::attempt::Attempt;
use super::error::{HttpClientError, shown};
use super::retry;

/// The answer to an [`OutboundRequest`](super::OutboundRequest). It keeps its place among the connections until it is read or dropped.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    body_limit: usize,
    _place: OwnedSemaphorePermit,
    attempt: Attempt,
}

impl Answer {
    pub(super) fn new(
        response: Response,
        body_limit: usize,
        place: OwnedSemaphorePermit,
        attempt: Attempt,
    ) -> Self {
        Self {
            response,
            body_limit,
            _place: place,
            attempt,
        }
    }

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
            retry_after: retry::retry_after(self.headers()),
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
    /// [`HttpClientError::TooLarge`] if it has more bytes than `OutboundRequest::body_limit` says; others if it does not arrive.
    pub async fn bytes(mut self) -> Result<Bytes, HttpClientError> {
        let read = self.read().await;
        if let Err(error) = &read {
            // One that is too large says that the other service works; one that is late or breaks off, that it doesn't.
            let counts = !matches!(error, HttpClientError::TooLarge { .. });
            self.attempt.failed(error, counts);
        }
        read
    }

    async fn read(&mut self) -> Result<Bytes, HttpClientError> {
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

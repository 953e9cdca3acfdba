//! Why a request to another service failed.

use std::error::Error;
use std::time::Duration;

use reqwest::{StatusCode, Url};

/// Why a request to another service failed. As an answer of ours it becomes the status that its documentation begins with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpClientError {
    /// 503: as many requests are under way as `HTTP_CLIENT_MAX_CONNECTIONS` allows, and none ended in time.
    #[error("no place was free among the outbound connections")]
    Busy,
    /// 503, with that `Retry-After`: requests to this host failed so often that none is sent for now.
    #[error("{host}: requests fail too often, none is sent for {:.1} s", retry_after.as_secs_f64())]
    Open {
        /// Host and port.
        host: String,
        /// When one is let through again.
        retry_after: Duration,
    },
    /// 503: nobody is there: no connection, or one that broke.
    #[error("{0}")]
    Unavailable(String),
    /// 504: connecting, reading on, or the whole took longer than it may, or the request that is being answered has no time left.
    #[error("{0}")]
    Timeout(String),
    /// 502: the other service answered with an error. If that is 429 or 503: 503, with the same `Retry-After`.
    #[error("{url} answered {status}")]
    Status {
        /// What it answered.
        status: StatusCode,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
        /// Where, without query and credentials.
        url: String,
    },
    /// 502: the answer is not what was expected.
    #[error("{0}")]
    Answer(String),
    /// 502: the answer has more bytes than are read, see `OutboundRequest::body_limit`.
    #[error("{url}: the answer has more than {limit} bytes")]
    TooLarge {
        /// How many may be read.
        limit: usize,
        /// Where, without query and credentials.
        url: String,
    },
    /// 500: the request can't be sent as it is, for example because its URL is none.
    #[error("{0}")]
    Request(String),
    /// The client can't be built with these settings; happens at start only.
    #[error("{0}")]
    Settings(String),
}

impl HttpClientError {
    /// What went wrong in a word, for metrics and spans.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Open { .. } => "breaker_open",
            Self::Unavailable(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Status { .. } => "status",
            Self::Answer(_) => "answer",
            Self::TooLarge { .. } => "too_large",
            Self::Request(_) => "request",
            Self::Settings(_) => "settings",
        }
    }
}

impl From<reqwest::Error> for HttpClientError {
    fn from(error: reqwest::Error) -> Self {
        let at = error.url().map(shown);
        let error = error.without_url();
        let mut text = chain(&error);
        if let Some(at) = at {
            text = format!("{at}: {text}");
        }
        // A connection that can't be made in time is a timeout and a failed connection: the former says more.
        if error.is_timeout() {
            Self::Timeout(text)
        } else if error.is_builder() {
            Self::Request(text)
        } else if error.is_redirect() {
            Self::Answer(text)
        } else {
            Self::Unavailable(text)
        }
    }
}

/// A URL without what could be secret: query, fragment, user and password.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only URLs that can't have them refuse.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

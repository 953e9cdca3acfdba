//! The body of every error: a problem document (RFC 9457).

use std::borrow::Cow;
use std::error::Error;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{AppError, Failure, ProblemCode};
use crate::core::request_id::RequestId;

/// The media type of problem documents.
pub(in crate::core::http) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request failed (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem. The service answers there with what it means.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/validation")]
    pub kind: String,
    /// The kind of problem in a few words.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The response's status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What went wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "1 field was refused.")]
    pub detail: Option<String>,
    /// The kind of problem as a word for programs.
    pub code: ProblemCode,
    /// The request's id, as in the header `x-request-id`: what to name when asking about it.
    #[schema(example = "0198c0de-7000-7abc-8def-0123456789ab")]
    pub request_id: String,
    /// The fields or parameters at fault.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[schema(example = json!([{ "pointer": "#/email", "detail": "is no e-mail address" }]))]
    pub errors: Vec<FieldError>,
    /// What only some kinds of problems have.
    #[serde(flatten)]
    #[schema(ignore)]
    pub members: Map<String, Value>,
}

/// One field or parameter at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901) as a URI fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "#/lines/3/quantity")]
    pub pointer: Option<String>,
    /// Which path, query or header parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    pub parameter: Option<String>,
    /// What is wrong with it; reads on from its name.
    #[schema(example = "must be at most 100, was 181")]
    pub detail: String,
}

impl FieldError {
    /// A field of the body, by its pointer, such as `#/lines/3/quantity`.
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        }
    }

    /// A path, query or header parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(name.into()),
            detail: detail.into(),
        }
    }
}

impl Failure {
    pub(in crate::core::http) fn error(&self) -> &AppError {
        &self.0
    }

    /// The causes, outermost first, on one line.
    pub(in crate::core::http) fn causes(&self) -> Option<String> {
        let mut causes = Vec::new();
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors repeat their source's text in their own.
            if causes
                .last()
                .is_none_or(|last: &String| !last.contains(&text))
            {
                causes.push(text);
            }
            next = cause.source();
        }
        (!causes.is_empty()).then(|| causes.join(": "))
    }

    /// What the error says for the client, which reads it from a failed service only where causes are revealed.
    pub(in crate::core::http) fn detail(&self) -> Option<&str> {
        self.0.0.detail.as_deref()
    }

    /// Gives the response its body and headers. With `reveal_causes`, the client of a failed service reads why; without, no more than
    /// what kind of failure it is.
    pub(in crate::core::http) fn write(
        &self,
        response: &mut Response,
        request_id: &RequestId,
        reveal_causes: bool,
    ) {
        let inner = &*self.0.0;
        let detail = match (inner.detail.clone(), self.causes()) {
            (detail, _) if !inner.status.is_server_error() => detail,
            _ if !reveal_causes => None,
            (Some(detail), Some(causes)) => Some(Cow::Owned(format!("{detail} ({causes})"))),
            (detail, causes) => detail.or(causes.map(Cow::Owned)),
        };
        let problem = Problem {
            kind: inner.code.uri(),
            title: inner.code.title().to_owned(),
            status: inner.status.as_u16(),
            detail: detail.map(Cow::into_owned),
            code: inner.code,
            request_id: request_id.to_string(),
            errors: inner.errors.clone(),
            members: inner.extensions.clone(),
        };
        // A problem is made of text and numbers, which can always be written.
        let body = serde_json::to_vec(&problem).unwrap_or_default();

        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Some(retry_after) = inner.retry_after {
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        *response.body_mut() = Body::from(body);
    }

    /// The failure behind an error that something else than our code answered, such as an extractor of axum's: `None` if the
    /// response is no error, or has a body that somebody chose.
    pub(in crate::core::http) fn of_foreign(response: &Response) -> Option<Self> {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return None;
        }
        let chosen = match response.headers().get(CONTENT_TYPE) {
            None => false,
            Some(content_type) => !content_type.as_bytes().starts_with(b"text/plain"),
        };
        (!chosen)
            .then(|| Self::from(AppError::new(ProblemCode::for_status(status)).with_status(status)))
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self(std::sync::Arc::new(error))
    }
}

/// What `/problems` says about one kind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(in crate::core::http) struct ProblemKind {
    /// The kind of problem as a word for programs.
    pub code: ProblemCode,
    /// The kind of problem in a few words.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The status it is answered with.
    #[schema(example = 422)]
    pub status: u16,
    /// What it means and what a client can do.
    #[schema(example = "The body is JSON, but fields are missing, unknown or not acceptable.")]
    pub description: String,
}

impl From<ProblemCode> for ProblemKind {
    fn from(code: ProblemCode) -> Self {
        Self {
            code,
            title: code.title().to_owned(),
            status: StatusCode::as_u16(&code.status()),
            description: code.description().to_owned(),
        }
    }
}

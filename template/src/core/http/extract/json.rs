//! A JSON body.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};
use validator::Validate;

use super::strict::Strict;
use super::validation::{self, push_segment};
use super::words;
use crate::core::http::error::{AppError, FieldError, ProblemCode};
use crate::core::http::idempotency::BodyDigest;

/// A JSON body as a `T`, validated.
///
/// Give `T` `#[serde(deny_unknown_fields)]`: a misspelt field is then an error, instead of a change that doesn't happen. (A test
/// over the OpenAPI document finds bodies without it.) As JSON Schema has it, a list is no object, and `39.0` is a whole number.
#[derive(Clone, Copy, Debug)]
pub struct ValidJson<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for ValidJson<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        if !is_json(request.headers()) {
            return Err(AppError::new(ProblemCode::UnsupportedMediaType)
                .with_detail("The body must be `application/json`."));
        }
        let digest = request.extensions().get::<BodyDigest>().cloned();
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        if let Some(digest) = digest {
            digest.of(&body);
        }
        let value: T = parse(&body)?;
        match value.validate() {
            Ok(()) => Ok(Self(value)),
            Err(errors) => Err(validation::of_body(&errors, &body)),
        }
    }
}

/// `application/json`, or a type made of it (`application/merge-patch+json`), with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 17
            && essence.is_char_boundary(12)
            && essence[..12].eq_ignore_ascii_case("application/")
            && essence.to_ascii_lowercase().ends_with("+json"))
}

/// The body could not be read to its end.
fn unread(rejection: BytesRejection) -> AppError {
    let status = rejection.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return AppError::new(ProblemCode::PayloadTooLarge);
    }
    debug_assert_eq!(status, rejection.into_response().status());
    AppError::bad_request("The body did not arrive as a whole.")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AppError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut json)).map_err(|error| {
        let path = error.path().clone();
        let error = error.into_inner();
        // An enum that meets `null` or a number is a fault of the text to `serde_json`: only a second look tells.
        if !error.is_data() && serde_json::from_slice::<IgnoredAny>(body).is_err() {
            return refused_text(&error);
        }
        refused(&path, &error)
    })?;
    json.end().map_err(|error| refused_text(&error))?;
    Ok(value)
}

fn refused_text(error: &serde_json::Error) -> AppError {
    AppError::new(ProblemCode::InvalidJson).with_detail(format!("The body is not JSON: {error}."))
}

/// What `serde` refused, and where.
fn refused(path: &Path, error: &serde_json::Error) -> AppError {
    let mut pointer = String::from("#");
    for segment in path {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            // A variant is part of the value, not of its place.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }

    let message = error.to_string();
    // The place in the text is of no use to programs, and people find the field by its pointer.
    let message = message.split(" at line ").next().unwrap_or_default();
    // A missing field is not in the path, since it is nowhere in the body; an unknown one is, unless the body's own type refuses it.
    if let Some(field) = message.split('`').nth(1)
        && (message.starts_with("missing field")
            || (message.starts_with("unknown field") && !ends_with(path, field)))
    {
        push_segment(&mut pointer, field);
    }
    AppError::validation(vec![FieldError::pointer(pointer, words::of_serde(message))])
}

fn ends_with(path: &Path, field: &str) -> bool {
    matches!(path.iter().next_back(), Some(Segment::Map { key }) if key == field)
}

//! The parameters in a request's path.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::validation;
use super::words;
use crate::core::http::error::{AppError, FieldError};

/// The path's parameters as a `T`, whose fields are called as they are, validated.
#[derive(Clone, Copy, Debug)]
pub struct ValidPath<T>(pub T);

impl<T: DeserializeOwned + Validate + Send, S: Send + Sync> FromRequestParts<S> for ValidPath<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let Path(path) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(refused)?;
        let Err(errors) = path.validate() else {
            return Ok(Self(path));
        };
        let sent = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(AppError::internal)?;
        let sent = sent.iter().map(|(name, _)| name);
        Err(validation::of_parameters(&errors, sent))
    }
}

fn refused(rejection: PathRejection) -> AppError {
    let error = match rejection {
        PathRejection::FailedToDeserializePathParams(error) => error.into_kind(),
        other => return AppError::internal(other),
    };
    let (name, detail) = match error {
        ErrorKind::ParseErrorAtKey {
            key,
            value,
            expected_type,
        } => (
            key,
            format!("must be {}, was `{value}`", words::kind(expected_type)),
        ),
        ErrorKind::DeserializeError {
            key,
            value,
            message,
        } => (key, format!("is not valid: {message}, was `{value}`")),
        ErrorKind::InvalidUtf8InPathParam { key } => (key, "is no UTF-8 text".to_owned()),
        // The rest says that `T` does not fit the route: a mistake in the program.
        other => return AppError::internal(other.to_string()),
    };
    AppError::parameters(vec![FieldError::parameter(name, detail)])
}

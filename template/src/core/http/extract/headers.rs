//! Headers of a request.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::text::{self, Unread};
use super::validation;
use crate::core::http::error::AppError;

/// Headers as a `T`, validated. Fields are called as headers are, in lower case: `#[serde(rename_all = "kebab-case")]` makes
/// `x_tenant` the header `x-tenant`. Other headers are
/// not looked at (so no `deny_unknown_fields` here).
#[derive(Clone, Copy, Debug)]
pub struct ValidHeaders<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Sync> FromRequestParts<S> for ValidHeaders<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        let headers: T = text::from_pairs(readable(&parts.headers), Unread::Ignored)
            .map_err(|error| AppError::parameters(vec![error]))?;
        match headers.validate() {
            Ok(()) => Ok(Self(headers)),
            Err(errors) => {
                let sent = parts.headers.keys().map(HeaderName::as_str);
                Err(validation::of_parameters(&errors, sent))
            }
        }
    }
}

/// The headers as text; a value that is no text can't be asked for, so it is left out.
fn readable(headers: &HeaderMap) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((Cow::Borrowed(name.as_str()), Cow::Borrowed(value)))
    })
}

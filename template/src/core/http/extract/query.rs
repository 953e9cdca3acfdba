//! The query of a request.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::text::{self, Unread};
use super::validation;
use crate::core::http::error::{AppError, FieldError};

/// The query (`?limit=20&sort=name`) as a `T`, validated.
///
/// A misspelt parameter is an error, instead of a filter that does nothing, and so is one that comes twice. With
/// `#[serde(deny_unknown_fields)]` at `T` the answer says which ones there are. What `serde` can't do in a query (`flatten`) a type can do by hand, see [`FromQuery`].
#[derive(Clone, Copy, Debug)]
pub struct ValidQuery<T>(pub T);

impl<T: FromQuery + Validate, S: Sync> FromRequestParts<S> for ValidQuery<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        let text = parts.uri.query().unwrap_or_default();
        let mut pairs = QueryPairs::parse(text)?;
        let query = T::from_query(&mut pairs).map_err(|error| AppError::parameters(vec![error]))?;
        match query.validate() {
            Ok(()) => Ok(Self(query)),
            Err(errors) => {
                // What was read is gone.
                let sent = QueryPairs::parse(text)?;
                Err(validation::of_parameters(&errors, sent.names()))
            }
        }
    }
}

/// What can be read from a query. Everything that `serde` can read is; a type with parts (a page and a filter) reads them in turn:
///
/// ```
/// use app::core::http::{FieldError, FromQuery, QueryPairs};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Filter { is_active: Option<bool> }
///
/// struct ListQuery { limit: Option<u32>, filter: Filter }
///
/// impl FromQuery for ListQuery {
///     fn from_query(query: &mut QueryPairs<'_>) -> Result<Self, FieldError> {
///         Ok(Self {
///             limit: query.take("limit")?,
///             filter: query.rest()?,
///         })
///     }
/// }
/// ```
pub trait FromQuery: Sized {
    /// Reads the value, and takes what it read.
    ///
    /// # Errors
    ///
    /// The parameter at fault.
    fn from_query(query: &mut QueryPairs<'_>) -> Result<Self, FieldError>;
}

impl<T: DeserializeOwned> FromQuery for T {
    fn from_query(query: &mut QueryPairs<'_>) -> Result<Self, FieldError> {
        query.rest()
    }
}

/// The parameters of a query that nobody has read yet, decoded.
#[derive(Debug)]
pub struct QueryPairs<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> QueryPairs<'q> {
    fn parse(query: &'q str) -> Result<Self, AppError> {
        if query.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let pairs = serde_urlencoded::from_str(query)
            .map_err(|error| AppError::bad_request("The query is malformed.").with_source(error))?;
        Ok(Self(pairs))
    }

    /// The parameter of this name, if it is there; it counts as read.
    ///
    /// # Errors
    ///
    /// If it comes twice, or can't be read as a `T`.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, FieldError> {
        let mut found = self.0.extract_if(.., |(key, _)| key == name);
        let Some(pair) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(FieldError::parameter(name, "is given more than once"));
        }
        let read: std::collections::HashMap<String, T> =
            text::from_pairs(std::iter::once(pair), Unread::Refused)?;
        Ok(read.into_values().next())
    }

    /// Everything that was not read yet, as a `T`; what it has no field for is refused.
    ///
    /// # Errors
    ///
    /// The first parameter at fault.
    pub fn rest<T: DeserializeOwned>(&mut self) -> Result<T, FieldError> {
        text::from_pairs(self.0.drain(..), Unread::Refused)
    }

    /// The names of what was not read yet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }
}

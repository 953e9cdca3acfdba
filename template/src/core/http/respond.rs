//! What handlers return when all went well: the status is in the type.

use std::fmt::Write as _;

use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Json;

/// What can be found again at a URL of its own: implemented by wire types (`UserOut`).
pub trait Representation: Serialize {
    /// What stands for it in its URL, after the collection's path.
    fn id(&self) -> String;

    /// Its version, which is its `ETag`, and what `If-Match` is compared with.
    fn version(&self) -> i64;
}

/// 200 with a resource and its `ETag`.
///
/// `Tagged::from(model)` makes the wire type from what a repository returned.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<T>(pub T);

impl<T> Tagged<T> {
    /// The answer about this model.
    pub fn from<M>(model: M) -> Self
    where
        T: From<M>,
    {
        Self(model.into())
    }
}

impl<T: Representation> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let etag = etag(self.0.version());
        ([(ETAG, etag)], Json(self.0)).into_response()
    }
}

/// 201 with a new resource, its `ETag` and `Location`: below the path it was posted to, unless [`Created::at`] says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Created<T> {
    resource: T,
    collection: Option<&'static str>,
}

impl<T> Created<T> {
    /// The answer about this model.
    pub fn from<M>(model: M) -> Self
    where
        T: From<M>,
    {
        Self {
            resource: model.into(),
            collection: None,
        }
    }

    /// Says in which collection the resource is, if it is not the one it was posted to.
    #[must_use]
    pub fn at(mut self, collection: &'static str) -> Self {
        self.collection = Some(collection);
        self
    }
}

impl<T: Representation> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let id = NewId(self.resource.id());
        let etag = etag(self.resource.version());
        let mut response =
            (StatusCode::CREATED, [(ETAG, etag)], Json(self.resource)).into_response();
        match self.collection {
            Some(collection) => id.locate(collection, &mut response),
            None => drop(response.extensions_mut().insert(id)),
        }
        response
    }
}

/// The id of a new resource, on its way to the middleware, which knows the path that was posted to.
#[derive(Clone)]
pub(super) struct NewId(String);

impl NewId {
    /// Says where the resource is: in this collection.
    pub(super) fn locate(&self, collection: &str, response: &mut Response) {
        let mut location = collection.trim_end_matches('/').to_owned();
        location.push('/');
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                location.push(char::from(byte));
            } else {
                let _ = write!(location, "%{byte:02X}");
            }
        }
        // Every byte of it is one that a header may have.
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(LOCATION, location);
        }
    }
}

/// 204: done, and there is nothing to say about it.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A strong entity tag: the version in quotes.
fn etag(version: i64) -> HeaderValue {
    // Digits and quotes are always good in a header.
    HeaderValue::try_from(format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

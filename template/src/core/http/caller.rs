//! Who asks.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// Who sent a request, as whoever authenticated it knows it: a user's id, the subject of a certificate.
///
/// An authentication layer puts it into the request's extensions; what must not be shared between callers is told apart by it.
/// Unlike a token it stays the same when the token is renewed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller(Arc<str>);

impl Caller {
    /// The caller of this name, which no other caller has.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// What tells the caller of a request from others: the name, or, where nobody put one there, the text of `Authorization`; nothing
    /// for those who sent neither.
    pub(super) fn distinguish(parts: &Parts) -> &[u8] {
        let named = parts.extensions.get::<Self>();
        let token = || parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let told = named.map(|caller| caller.0.as_bytes()).or_else(token);
        told.unwrap_or_default()
    }
}

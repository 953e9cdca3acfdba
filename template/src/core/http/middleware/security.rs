//! Headers that tell browsers what not to do with an answer. A handler that sets one itself knows better.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// A browser that shows an answer as a page, whatever brought it to do so, loads and runs nothing of it, and shows it in no frame.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Adds them. What is `fleeting` is kept by no cache: it may be otherwise at the next moment.
///
/// `X-Frame-Options` is what `frame-ancestors` was before there was that. `Strict-Transport-Security` counts only over TLS and for the
/// whole host, so whoever ends the TLS says it.
pub(super) fn add(headers: &mut HeaderMap, fleeting: bool) {
    let mut add = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    // Takes the content type as it is, instead of guessing from the body.
    add(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    add(CONTENT_SECURITY_POLICY, NOTHING);
    if fleeting {
        add(CACHE_CONTROL, NO_STORE);
    }
}

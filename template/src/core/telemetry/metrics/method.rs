use axum::http::Method;

/// The methods that have a label of their own. A client may invent others.
pub const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT",
];

/// `OpenTelemetry`'s word for any other.
pub const OTHER_METHOD: &str = "_OTHER";

/// The method as a label or a name: one of a list, as each would be a series of its own.
#[must_use]
pub fn method_label(method: &Method) -> &'static str {
    let known = METHODS.iter().find(|known| **known == method.as_str());
    known.copied().unwrap_or(OTHER_METHOD)
}

//! What goes wrong, without a word about it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Becomes a 500.
pub(crate) struct Failed;

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        eprintln!("{error}");
        Self
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

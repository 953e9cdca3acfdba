//! What goes wrong, and how it becomes an answer.
//!
//! - Repositories fail with [`DataError`](crate::core::database::DataError), which knows no HTTP.
//! - The outbound client fails with `HttpClientError`.
//! - Services and handlers fail with [`AppError`], into which both turn by `?`. It is the only error that becomes a response.
//! - `anyhow` is for `main` and the commands.
//!
//! Whatever the layer, the client gets a [`Problem`] (RFC 9457): handler, extractor, unknown path, timeout, panic. The middleware
//! writes its body, since only there the request's id is known, and logs it once, in the line of the request. What is meant for the client stands in
//! `detail` and `errors`; a cause (`source`) and the `detail` of a 5xx stay in the log, except in `local` and `dev`.

mod code;
mod from;
mod problem;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::code::ProblemCode;
pub use self::problem::{FieldError, Problem};
pub(super) use self::problem::{PROBLEM_JSON, ProblemKind};

/// What services and handlers return.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failed request: what the client is told, and the cause for the log.
///
/// ```
/// use app::core::http::{AppError, Result};
///
/// fn ship(weight: u32) -> Result<()> {
///     if weight > 30 {
///         return Err(AppError::conflict("Parcels of more than 30 kg are not shipped."));
///     }
///     Ok(())
/// }
/// ```
pub struct AppError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ProblemCode,
    status: StatusCode,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
    expected: bool,
}

impl AppError {
    /// An error with this code's status and title.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        Self(Box::new(Inner {
            code,
            status: code.status(),
            detail: None,
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            source: None,
            expected: false,
        }))
    }

    /// 400: the request can't be understood.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemCode::BadRequest).with_detail(detail)
    }

    /// 400: a path, query or header value is not acceptable.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::parameters(vec![FieldError::parameter(name, detail)])
    }

    /// 400: path, query or header values are not acceptable.
    #[must_use]
    pub fn parameters(errors: Vec<FieldError>) -> Self {
        let detail = refused(&errors, "parameter");
        Self::new(ProblemCode::InvalidParameter)
            .with_detail(detail)
            .with_errors(errors)
    }

    /// 404: there is no such resource, for example `not_found("user", id)`.
    pub fn not_found(resource: &str, id: impl fmt::Display) -> Self {
        Self::new(ProblemCode::NotFound).with_detail(format!("There is no {resource} {id}."))
    }

    /// 409: the request contradicts what is stored.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemCode::Conflict).with_detail(detail)
    }

    /// 412: the resource is not, or no longer, in the version that the client names in `If-Match`.
    pub fn precondition_failed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemCode::PreconditionFailed).with_detail(detail)
    }

    /// 422: fields of the body are not acceptable.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = refused(&errors, "field");
        Self::new(ProblemCode::Validation)
            .with_detail(detail)
            .with_errors(errors)
    }

    /// 500: a fault of the service. The client learns no more than that.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(ProblemCode::Internal).with_source(source)
    }

    /// 503: something the service needs is not there; the client may try again after that time.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(ProblemCode::Unavailable)
            .with_detail(detail)
            .with_retry_after(retry_after)
    }

    /// 504: the answer took longer than it may.
    pub fn timeout(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemCode::Timeout).with_detail(detail)
    }

    /// Tells the client more. With a 4xx it leaves the process everywhere; with a 5xx in `local` and `dev` only.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Names the fields or parameters at fault.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a member of its own to the problem (RFC 9457 §3.2). What can't be written as JSON is left out.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.extensions.insert(name.to_owned(), value);
        }
        self
    }

    /// Says when to try again, in the header `Retry-After` (whole seconds, at least one).
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.0.retry_after = Some(retry_after);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Answers with another status than the code's, for what HTTP says without our doing.
    #[must_use]
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Says that nobody has to look at this one: the line of its request is at `debug`, whatever the status. For what many requests meet
    /// and a line of its own tells once.
    #[must_use]
    pub(super) fn expected(mut self) -> Self {
        self.0.expected = true;
        self
    }

    /// Whether nobody has to look at this one.
    pub(super) fn is_expected(&self) -> bool {
        self.0.expected
    }

    /// What kind of problem this is.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The fields or parameters at fault.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }
}

/// How many were refused; several things can be wrong with one.
fn refused(errors: &[FieldError], what: &str) -> String {
    let places = errors
        .iter()
        .map(|error| (&error.pointer, &error.parameter));
    match places.collect::<BTreeSet<_>>().len() {
        1 => format!("1 {what} was refused."),
        count => format!("{count} {what}s were refused."),
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            Some(detail) => f.write_str(detail),
            None => f.write_str(self.0.code.title()),
        }
    }
}

impl fmt::Debug for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for AppError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_ref()?;
        Some(source.as_ref())
    }
}

/// An [`AppError`] on its way through the response's extensions to the middleware, which writes the body.
#[derive(Clone)]
pub(super) struct Failure(Arc<AppError>);

impl IntoResponse for AppError {
    /// The status only: the middleware adds the body.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_counts_what_was_refused() {
        let one = AppError::parameter("limit", "must be a number");
        assert_eq!(one.to_string(), "1 parameter was refused.");
        let two = AppError::validation(vec![
            FieldError::pointer("#/a", "is missing"),
            FieldError::pointer("#/b", "is missing"),
        ]);
        assert_eq!(two.to_string(), "2 fields were refused.");
        let twice = AppError::validation(vec![
            FieldError::pointer("#/a", "is no e-mail address"),
            FieldError::pointer("#/a", "must be written in ASCII"),
        ]);
        assert_eq!(twice.to_string(), "1 field was refused.");
    }
}

//! NDJSON, or one JSON array.

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};

use crate::core::http::{AppError, ProblemCode, Result};

/// How rows are written, by the request's `Accept`: NDJSON, one row a line, unless `application/json` is wanted more.
///
/// A request over HTTP/1.0 is refused: there an answer ends where its connection does, so one that broke off would look whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFormat {
    /// `application/x-ndjson`: one JSON text a line.
    Lines,
    /// `application/json`: one array.
    Array,
}

impl StreamFormat {
    fn of(headers: &HeaderMap) -> Self {
        let mut wanted = (Self::Lines, 0.0);
        let accepted = headers.get_all(ACCEPT).iter();
        let ranges = accepted.filter_map(|value| value.to_str().ok());
        for range in ranges.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().map(str::to_ascii_lowercase).as_deref() {
                Some("application/json") => Self::Array,
                Some("application/x-ndjson" | "application/*" | "*/*") => Self::Lines,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let quality: f32 = quality.unwrap_or(1.0);
            if quality > wanted.1 {
                wanted = (format, quality);
            }
        }
        wanted.0
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Array => "application/json",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for StreamFormat {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        if parts.version < Version::HTTP_11 {
            return Err(AppError::new(ProblemCode::BadRequest).with_detail(
                "Streams need HTTP/1.1 or newer. A proxy that asks over HTTP/1.0 must be told so (nginx: `proxy_http_version 1.1`).",
            ));
        }
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sent_unless_an_array_is_wanted_more() {
        for (accept, format) in [
            ("", StreamFormat::Lines),
            ("*/*", StreamFormat::Lines),
            ("text/html", StreamFormat::Lines),
            ("application/x-ndjson", StreamFormat::Lines),
            ("application/json", StreamFormat::Array),
            ("application/json, */*;q=0.1", StreamFormat::Array),
            (
                "application/json;q=0.5, application/x-ndjson",
                StreamFormat::Lines,
            ),
            (
                "text/html, Application/JSON; q=0.9, */*;q=0.8",
                StreamFormat::Array,
            ),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(StreamFormat::of(&headers), format, "{accept}");
        }
    }
}

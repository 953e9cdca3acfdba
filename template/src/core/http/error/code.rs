//! The kinds of problems: the one list of codes that clients can rely on.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident, $code:literal, $title:literal;)+) => {
        /// What kind of problem it is; the last part of its `type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ProblemCode {
            /// All codes, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as clients see it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The problem in a few words, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// The status it is answered with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// What it means and what a client can do.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc, "\n"),+).trim_ascii()),+ }
            }
        }
    };
}

problem_codes! {
    /// The request can't be understood as it is.
    BadRequest = BAD_REQUEST, "bad_request", "The request can't be understood";
    /// The body is no JSON. Where it stops being JSON is in `detail`.
    InvalidJson = BAD_REQUEST, "invalid_json", "The body is not JSON";
    /// A path, query or header value is missing, unknown or not acceptable; `errors` names each with its `parameter`.
    InvalidParameter = BAD_REQUEST, "invalid_parameter", "A parameter is not valid";
    /// There is no such resource: it never existed, or it was deleted.
    NotFound = NOT_FOUND, "not_found", "There is no such resource";
    /// The service has nothing at this path.
    UnknownPath = NOT_FOUND, "unknown_path", "There is nothing at this path";
    /// The path exists, but not with this method; the header `Allow` lists those it has.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here";
    /// The request contradicts what is stored, for example a value that must be unique.
    Conflict = CONFLICT, "conflict", "The request conflicts with what is stored";
    /// The resource is not in the version that `If-Match` names: read it again, and decide anew.
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "The resource has changed";
    /// The body is larger than the service accepts.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large";
    /// The body is of another type than the service reads here; JSON is `application/json`.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The content type is not supported";
    /// The body is JSON, but fields are missing, unknown or not acceptable; `errors` points at each (RFC 6901).
    Validation = UNPROCESSABLE_ENTITY, "validation", "The request is not valid";
    /// The `Idempotency-Key` came with another body before: a new request needs a new key.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key was used for another request";
    /// The client sent more requests than it may; the header `Retry-After` says when to go on, `RateLimit` how many are left.
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
    /// A fault of the service. Its operators find the cause by the `request_id`.
    Internal = INTERNAL_SERVER_ERROR, "internal", "The service failed";
    /// Another service, which this one asked, gave an answer it can't use.
    BadGateway = BAD_GATEWAY, "bad_gateway", "Another service failed";
    /// The service can't do this now, for example because it is busy; the header `Retry-After` says when to try again.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The service is not available";
    /// The service has as many requests under way as it takes on at a time. This one was not looked at: nothing has happened. The header
    /// `Retry-After` says when to try again.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "The service has too much to do";
    /// The answer took longer than the service allows. Whether a change took effect is not known.
    Timeout = GATEWAY_TIMEOUT, "timeout", "The answer took too long";
}

impl ProblemCode {
    /// The URI reference that identifies the kind of problem. The service answers there with its description.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The code that is closest to a status which something else than our code chose.
    pub(in crate::core::http) fn for_status(status: StatusCode) -> Self {
        // `NotFound` and `BadRequest` come before their more special neighbours in the list.
        let same = Self::ALL.iter().find(|code| code.status() == status);
        same.copied().unwrap_or(if status.is_server_error() {
            Self::Internal
        } else {
            Self::BadRequest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_by_status_and_written_as_they_are_called() {
        assert!(ProblemCode::ALL.is_sorted_by_key(|code| code.status()));
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(!code.description().is_empty());
        }
    }

    #[test]
    fn a_foreign_status_gets_the_closest_code() {
        let code = |status: u16| ProblemCode::for_status(StatusCode::from_u16(status).unwrap());
        assert_eq!(code(404), ProblemCode::NotFound);
        assert_eq!(code(418), ProblemCode::BadRequest);
        assert_eq!(code(507), ProblemCode::Internal);
    }
}

//! How the errors of lower layers become answers.

use std::time::Duration;

#[cfg(feature = "http-client")]
use axum::http::StatusCode;
use sea_orm::DbErr;

use super::AppError;
#[cfg(feature = "http-client")]
use super::ProblemCode;
use crate::core::database::DataError;
#[cfg(feature = "http-client")]
use crate::core::http_client::HttpClientError;

/// When to try again after the pool, or another service's slot, was not free in time: long enough for a burst to pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<DataError> for AppError {
    fn from(error: DataError) -> Self {
        if error.is_pool_timeout() {
            return Self::unavailable("No database connection was free in time.", RETRY_AFTER)
                .with_source(error);
        }
        if error.is_statement_timeout() {
            return Self::timeout("The database took too long.").with_source(error);
        }
        if error.is_unavailable() {
            return Self::unavailable("The database can't be reached.", RETRY_AFTER)
                .with_source(error);
        }
        match &error {
            DataError::NotFound { resource, id } => Self::not_found(resource, id),
            DataError::StaleVersion { resource, id } => {
                Self::precondition_failed(format!("The {resource} {id} is in another version."))
            }
            DataError::Conflict { constraint } => {
                Self::conflict(match constraint.columns.as_slice() {
                    [] => "Something that must be unique is there already.".into(),
                    columns => format!("There is one already with this {}.", columns.join(" and ")),
                })
                .with_source(error)
            }
            DataError::MissingReference { .. } => {
                Self::conflict("What it refers to does not exist.").with_source(error)
            }
            DataError::InUse { .. } => {
                Self::conflict("Something else refers to it.").with_source(error)
            }
            // Validation lets through what the database refuses: a fault of ours, not of the client's.
            DataError::Invalid { .. } | DataError::Database(_) => Self::internal(error),
        }
    }
}

impl From<DbErr> for AppError {
    fn from(error: DbErr) -> Self {
        DataError::from(error).into()
    }
}

#[cfg(feature = "http-client")]
impl From<HttpClientError> for AppError {
    fn from(error: HttpClientError) -> Self {
        let problem = match &error {
            HttpClientError::Open { retry_after, .. } => Self::unavailable(
                "A service that is needed for this fails too often to be asked now.",
                *retry_after,
            ),
            HttpClientError::Status {
                status: StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
                retry_after,
                ..
            } => Self::unavailable(
                "A service that is needed for this can't answer now.",
                retry_after.unwrap_or(RETRY_AFTER),
            ),
            HttpClientError::Busy | HttpClientError::Unavailable(_) => Self::unavailable(
                "A service that is needed for this can't be reached.",
                RETRY_AFTER,
            ),
            HttpClientError::Timeout(_) => {
                Self::timeout("A service that is needed for this took too long.")
            }
            HttpClientError::Status { .. }
            | HttpClientError::Answer(_)
            | HttpClientError::TooLarge { .. } => Self::new(ProblemCode::BadGateway),
            HttpClientError::Settings(_) | HttpClientError::Request(_) => {
                Self::new(ProblemCode::Internal)
            }
        };
        problem.with_source(error)
    }
}

//! Which pages of other origins may call the service.

use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::core::config::CorsConfig;

/// A value of the section can't be sent in a header.
#[derive(Debug, thiserror::Error)]
#[error("{key}: `{value}` can't be sent in a header")]
pub struct CorsError {
    key: &'static str,
    value: String,
}

/// The layer for these settings; none if no origin may.
pub(super) fn layer(config: &CorsConfig) -> Result<Option<CorsLayer>, CorsError> {
    if config.allowed_origins.is_empty() {
        return Ok(None);
    }
    let origins = if config.allowed_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(parse::<HeaderValue>(
            "CORS_ALLOWED_ORIGINS",
            &config.allowed_origins,
        )?)
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(parse::<Method>(
            "CORS_ALLOWED_METHODS",
            &config.allowed_methods,
        )?)
        .allow_headers(parse::<HeaderName>(
            "CORS_ALLOWED_HEADERS",
            &config.allowed_headers,
        )?)
        .expose_headers(parse::<HeaderName>(
            "CORS_EXPOSED_HEADERS",
            &config.exposed_headers,
        )?)
        .allow_credentials(config.allow_credentials);
    Ok(Some(layer))
}

fn parse<T: for<'v> TryFrom<&'v str>>(
    key: &'static str,
    values: &[String],
) -> Result<Vec<T>, CorsError> {
    let parsed = values.iter().map(|value| {
        T::try_from(value).map_err(|_| CorsError {
            key,
            value: value.clone(),
        })
    });
    parsed.collect()
}

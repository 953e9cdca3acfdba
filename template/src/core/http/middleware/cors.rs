//! Which pages of other origins may call the service.

use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::core::config::CorsConfig;

/// The layer for these settings; none if no origin may. It panics on `*` where that can't be, which the section has refused.
pub(super) fn layer(config: &CorsConfig) -> Option<CorsLayer> {
    if config.allowed_origins.is_empty() {
        return None;
    }
    let origins = if config.allowed_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(config.allowed_origins.to_vec())
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(config.allowed_methods.to_vec())
        .allow_headers(config.allowed_headers.to_vec())
        .expose_headers(config.exposed_headers.to_vec())
        .allow_credentials(config.allow_credentials);
    Some(layer)
}

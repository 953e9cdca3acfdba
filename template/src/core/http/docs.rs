//! The OpenAPI document and its page: served unless `DOCS_ENABLED` is off.

use axum::Router;
#[cfg(feature = "swagger-ui")]
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
#[cfg(feature = "swagger-ui")]
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
#[cfg(feature = "swagger-ui")]
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;

use super::{Document, RouteRow};
use crate::core::state::AppState;
use crate::origin;

/// Where the document is.
pub(super) const DOCUMENT: &str = "/openapi.json";

/// Where its page is, if that is compiled in.
pub(super) const PAGE: &str = "/docs";

/// The routes of this file for the table; the document does not describe itself.
pub(super) fn rows() -> Vec<RouteRow> {
    let row = |path| RouteRow::undocumented(path, origin!());
    vec![
        row(DOCUMENT),
        #[cfg(feature = "swagger-ui")]
        row(PAGE),
    ]
}

/// Serves the document, and its page where that is compiled in.
pub(super) fn router(document: &Document) -> Router<AppState> {
    let json = Bytes::from(document.json().to_string());
    let document = get(async move || ([(CONTENT_TYPE, "application/json")], json.clone()));
    let router = Router::new().route(DOCUMENT, document);
    #[cfg(feature = "swagger-ui")]
    let router = router.merge(page());
    router
}

/// The page runs its own files and asks this service. It writes styles into its elements.
#[cfg(feature = "swagger-ui")]
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; frame-ancestors 'none'";

/// Swagger UI, from files in the binary.
#[cfg(feature = "swagger-ui")]
fn page() -> Router<AppState> {
    let config = utoipa_swagger_ui::Config::new([DOCUMENT])
        .try_it_out_enabled(true)
        .display_request_duration(true);
    let page = Router::from(utoipa_swagger_ui::SwaggerUi::new(PAGE).config(config));
    page.layer(axum::middleware::map_response(
        async |mut response: Response| {
            let headers = response.headers_mut();
            let policy = HeaderValue::from_static(PAGE_POLICY);
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            // Where a link leads need not learn where it stood.
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        },
    ))
}

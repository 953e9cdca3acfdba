//! What is at `/`: what this is, and where to go on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::docs;
use super::{Json, Routes, register_routes, routes};
use crate::core::config::DocsConfig;
use crate::core::state::AppState;

register_routes! { public at "/" tagged "service": Routes::new().add(routes!(index)) }

/// What the service is, and where to go on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Index {
    /// The service's name.
    name: String,
    /// What it does.
    description: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: String,
    /// Where its API is described for people, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/docs")]
    docs: Option<String>,
    /// Where its API is described for programs, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/openapi.json")]
    openapi: Option<String>,
    /// Where the kinds of problems are explained.
    #[schema(example = "/problems")]
    problems: String,
}

/// Say what this is
#[utoipa::path(get, path = "/", responses((status = OK, body = Index)))]
async fn index(app: AppState) -> Json<Index> {
    let described = app.config.section::<DocsConfig>().enabled;
    let has_page = described && cfg!(feature = "swagger-ui");
    Json(Index {
        name: env!("CARGO_PKG_NAME").to_owned(),
        description: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        docs: has_page.then(|| docs::PAGE.to_owned()),
        openapi: described.then(|| docs::DOCUMENT.to_owned()),
        problems: "/problems".to_owned(),
    })
}

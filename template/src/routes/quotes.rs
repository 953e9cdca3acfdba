//! Quotes: what another service asks for a product.

use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;
use validator::Validate;

use crate::core::http::{Json, Result, Routes, ValidPath, register_routes, routes};
use crate::core::state::AppState;
use crate::models::quotes::QuoteOut;
use crate::services::quotes;

register_routes! { public at "/api/v1/products" tagged "quotes": Routes::new().add(routes!(get_quote)) }

/// For which product.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct QuotePath {
    /// The product's id.
    id: Uuid,
}

/// Get a quote for a product
///
/// Asks the service that `UPSTREAM_BASE_URL` names; 503 if it is unset. Concurrent requests for one product share one question.
#[utoipa::path(get, path = "/{id}/quote", params(QuotePath), responses((status = OK, body = QuoteOut), (status = BAD_GATEWAY)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn get_quote(app: AppState, path: ValidPath<QuotePath>) -> Result<Json<QuoteOut>> {
    Ok(Json(quotes::quote_product(&app, path.id).await?))
}

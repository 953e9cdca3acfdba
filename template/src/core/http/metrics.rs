//! What Prometheus scrapes.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::{AppError, Result, Routes, register_routes, routes};
use crate::core::gauges;
use crate::core::state::AppState;
use crate::core::telemetry::metrics::render;

register_routes! { management at "/metrics" tagged "management": Routes::new().add(routes!(metrics)) }

/// The version of the format is part of its name: Prometheus refuses to guess.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What has been counted and measured
///
/// Prometheus' text format. docs/observability.md says what each metric means and what to do when it moves.
#[utoipa::path(get, path = "/", responses((status = OK, content_type = "text/plain", body = String)))]
async fn metrics(app: AppState) -> Result<impl IntoResponse> {
    gauges::mirror(&app).map_err(AppError::internal)?;
    let text = render().unwrap_or_default();
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text))
}

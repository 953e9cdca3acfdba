//! What Prometheus scrapes.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use metrics::gauge;

use super::management::why_not_ready;
use super::{AppError, Result, Routes, register_routes, routes};
use crate::core::gauges;
use crate::core::state::AppState;
use crate::core::telemetry::metrics::render;

register_routes! { management at "/metrics" tagged "management": Routes::new().add(routes!(metrics)) }

const READY: &str = "app_ready";

crate::register_metrics! { gauge READY: "1 if the service should get requests, as /readyz says at the moment of the scrape; otherwise 0."; }

/// The version of the format is part of its name: Prometheus refuses to guess.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What has been counted and measured
///
/// Prometheus' text format. docs/observability.md says what each metric means and what to do when it moves.
#[utoipa::path(get, path = "/", responses((status = OK, content_type = "text/plain", body = String)))]
async fn metrics(app: AppState) -> Result<impl IntoResponse> {
    gauges::mirror(&app).map_err(AppError::internal)?;
    // At most as long as a probe's answer takes, and with the same answer.
    gauge!(READY).set(u8::from(why_not_ready(&app).await.is_none()));
    let text = render().unwrap_or_default();
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text))
}

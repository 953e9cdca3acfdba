//! Many statements for one request.

use std::time::Instant;

use axum::Json;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::settings;
use crate::core::http::{Result, Routes, ValidQuery, register_routes, routes};
use crate::core::state::AppState;
use crate::core::telemetry::milliseconds;
use crate::repositories::lab::LabRepository;

register_routes! { management in local | dev at "/lab/performance" tagged "lab": Routes::new()
.add(routes!(performance_async, performance_sync)) }

/// How many statements wait for an answer at a time. More than a pool usually has, so that the pool decides.
const AT_A_TIME: usize = 50;

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PerformanceQuery {
    /// How many statements are run, `LAB_MAX_REQUESTS` at most. 100 unless it is said.
    #[param(example = 100)]
    requests: Option<u32>,
}

/// How fast statements were.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct PerformanceOut {
    /// How many ran.
    requests: u32,
    /// How long all of them took, in milliseconds.
    #[schema(example = 40.0)]
    duration_ms: f64,
    /// How many ran in a second.
    #[schema(example = 2500.0)]
    requests_per_second: f64,
}

impl PerformanceOut {
    fn since(begun: Instant, requests: u32) -> Json<Self> {
        let elapsed = begun.elapsed();
        Json(Self {
            requests,
            duration_ms: milliseconds(elapsed),
            requests_per_second: f64::from(requests) / elapsed.as_secs_f64().max(f64::EPSILON),
        })
    }
}

/// Statements that wait together
///
/// As many at a time as the pool has connections: the waiting for the network and the server overlaps.
#[utoipa::path(get, path = "/async", params(PerformanceQuery), responses((status = OK, body = PerformanceOut)))]
async fn performance_async(
    app: AppState,
    query: ValidQuery<PerformanceQuery>,
) -> Result<Json<PerformanceOut>> {
    let requests = settings::number(&app, "requests", query.requests.unwrap_or(100))?;
    let begun = Instant::now();
    let lab = LabRepository::new(&app.database);
    stream::iter((0..requests).map(|_| lab.ask()))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    Ok(PerformanceOut::since(begun, requests))
}

/// Statements one after the other
///
/// Each waits for the one before: the rate is one divided by the time that a round trip takes, however large the pool.
#[utoipa::path(get, path = "/sync", params(PerformanceQuery), responses((status = OK, body = PerformanceOut)))]
async fn performance_sync(
    app: AppState,
    query: ValidQuery<PerformanceQuery>,
) -> Result<Json<PerformanceOut>> {
    let requests = settings::number(&app, "requests", query.requests.unwrap_or(100))?;
    let begun = Instant::now();
    for _ in 0..requests {
        LabRepository::new(&app.database).ask().await?;
    }
    Ok(PerformanceOut::since(begun, requests))
}

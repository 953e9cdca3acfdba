//! Queries that take long.

use std::time::Duration;

use axum::Json;
use serde::Deserialize;
use validator::Validate;

use super::observed::observe;
use super::query::query_that_takes;
use super::settings;
use crate::core::http::{Result, Routes, ValidQuery, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::services::lab::LabConfig;

register_routes! { management in local | dev at "/lab" tagged "lab": Routes::new().add(routes!(slow_query, long_running_query)) }

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SlowQuery {
    /// How many seconds it takes, `LAB_MAX_SECS` at most.
    #[param(example = 1)]
    seconds: Option<u64>,
}

/// A slow query
///
/// Holds one connection for `LAB_SLOW_QUERY_SECS`, or as long as `seconds` says. It has a limit of its own instead of
/// `DATABASE_COMMAND_TIMEOUT_SECS`, and the log tells of it as a slow statement. Load it beside a fast route, and watch the fast one
/// wait for connections.
#[utoipa::path(get, path = "/slow_query", params(SlowQuery), responses((status = OK, body = PatternOut)))]
async fn slow_query(app: AppState, query: ValidQuery<SlowQuery>) -> Result<Json<PatternOut>> {
    let usual = app.config.section::<LabConfig>().slow_query_secs;
    run(&app, "slow_query", query.seconds.unwrap_or(usual)).await
}

/// A query that runs for long
///
/// The same with `LAB_LONG_RUNNING_QUERY_SECS`: what a report does to a pool that others share.
#[utoipa::path(get, path = "/long_running_query", params(SlowQuery), responses((status = OK, body = PatternOut)))]
async fn long_running_query(
    app: AppState,
    query: ValidQuery<SlowQuery>,
) -> Result<Json<PatternOut>> {
    let usual = app.config.section::<LabConfig>().long_running_query_secs;
    run(&app, "long_running_query", query.seconds.unwrap_or(usual)).await
}

async fn run(app: &AppState, name: &'static str, seconds: u64) -> Result<Json<PatternOut>> {
    let time = settings::time(app, "seconds", Duration::from_secs(seconds))?;
    observe(name, async {
        query_that_takes(&app.database, time).await?;
        Ok(None)
    })
    .await
}

//! Queries that don't need each other's answers: one after the other, or all at a time.

use axum::Json;
use futures::future::try_join_all;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::routes::lab::observed::observe;
use crate::routes::lab::query::query_that_takes;
use crate::routes::lab::settings;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(serial_queries, concurrent_queries)) }

/// Queries that a request needs.
const QUERIES: usize = 5;

/// Takes `LAB_DELAY_MS`.
async fn query(app: &AppState) -> Result<()> {
    query_that_takes(&app.database, settings::delay(app)).await?;
    Ok(())
}

/// Queries one after the other
///
/// Five checkouts, one connection at a time: the answer takes five times as long as a query.
#[utoipa::path(get, path = "/serial_queries", responses((status = OK, body = PatternOut)))]
async fn serial_queries(app: AppState) -> Result<Json<PatternOut>> {
    observe("serial_queries", async {
        for _ in 0..QUERIES {
            query(&app).await?;
        }
        Ok(None)
    })
    .await
}

/// Queries all at a time
///
/// Five checkouts, and up to five connections at a time: the answer takes as long as one query, as long as nobody else is there. Under
/// load one request takes the places of five, and the slowest of five checkouts decides.
#[utoipa::path(get, path = "/concurrent_queries", responses((status = OK, body = PatternOut)))]
async fn concurrent_queries(app: AppState) -> Result<Json<PatternOut>> {
    observe("concurrent_queries", async {
        try_join_all((0..QUERIES).map(|_| query(&app))).await?;
        Ok(None)
    })
    .await
}

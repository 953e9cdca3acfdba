//! A connection that a middleware takes for each request, needed or not.

use axum::Json;

use crate::core::database::Transaction;
use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::{elsewhere, observe};
register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(held_by_middleware, taken_by_handler)) }

/// What a middleware does that gives each request a transaction: it is there before the handler, and ends after it.
async fn in_a_transaction(
    app: &AppState,
    handler: impl AsyncFnOnce(&Transaction) -> Result<Option<u64>>,
) -> Result<Option<u64>> {
    app.database.snapshot(handler).await
}

/// A connection held by a middleware
///
/// One checkout before the handler runs, whether it needs the database or not. It is held for the whole request: while the body is
/// read, while others are asked, while the answer is made.
#[utoipa::path(get, path = "/held_by_middleware", responses((status = OK, body = PatternOut)))]
async fn held_by_middleware(app: AppState) -> Result<Json<PatternOut>> {
    let handler = in_a_transaction(&app, async |tx| {
        let held = elsewhere(&app).await;
        LabRepository::new(tx).ask().await?;
        Ok(Some(held))
    });
    observe("held_by_middleware", handler).await
}

/// A connection taken by the handler
///
/// One checkout, at the statement that needs it.
#[utoipa::path(get, path = "/taken_by_handler", responses((status = OK, body = PatternOut)))]
async fn taken_by_handler(app: AppState) -> Result<Json<PatternOut>> {
    observe("taken_by_handler", async {
        let held = elsewhere(&app).await;
        LabRepository::new(&app.database).ask().await?;
        Ok(Some(held))
    })
    .await
}

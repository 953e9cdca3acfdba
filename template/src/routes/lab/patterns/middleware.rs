//! A connection that is taken for each request, needed or not, as a middleware does it.

use axum::Json;

use crate::core::database::Transaction;
use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::{elsewhere, observe};

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(held_by_middleware, taken_by_handler)) }

/// A transaction that is there before the handler's work and ends after it, as with a middleware that gives each request one. It is called
/// by the handler, since routes are registered without a state, which a middleware would need to reach the pool.
async fn in_a_transaction(
    app: &AppState,
    handler: impl AsyncFnOnce(&Transaction) -> Result<Option<u64>>,
) -> Result<Option<u64>> {
    app.database.snapshot(handler).await
}

/// A connection held by a middleware
///
/// One checkout before the handler's work, whether it needs the database or not, and held until that is done: here, while another
/// service is waited for. The middleware is played: the handler begins and ends the transaction around its own work. A real one would
/// also hold it while the body is read and the answer is made.
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

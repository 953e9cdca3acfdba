//! A transaction that stays open although its work is done.

use axum::Json;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::{elsewhere, observe};

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(open_transaction, ended_transaction)) }

/// A transaction left open
///
/// One checkout, and the transaction that could write is still open while something else is done: the server shows it as
/// `idle in transaction`, it keeps its locks, and rows that others delete can't be cleaned up. On SQLite nobody else can write.
#[utoipa::path(get, path = "/open_transaction", responses((status = OK, body = PatternOut)))]
async fn open_transaction(app: AppState) -> Result<Json<PatternOut>> {
    let pattern = app.database.transaction(async |tx| {
        LabRepository::new(tx).ask().await?;
        Ok(Some(elsewhere(&app).await))
    });
    observe("open_transaction", pattern).await
}

/// A transaction that ends with its work
///
/// One checkout, and none is held afterwards.
#[utoipa::path(get, path = "/ended_transaction", responses((status = OK, body = PatternOut)))]
async fn ended_transaction(app: AppState) -> Result<Json<PatternOut>> {
    observe("ended_transaction", async {
        let transaction = app
            .database
            .transaction(async |tx| LabRepository::new(tx).ask().await);
        transaction.await?;
        Ok(Some(elsewhere(&app).await))
    })
    .await
}

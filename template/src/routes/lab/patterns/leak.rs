//! A connection that is not given back.

use std::time::Duration;

use axum::Json;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::core::database::Checkouts;
use crate::core::http::{AppError, Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::observe;
use crate::services::lab::LabConfig;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(leaked_connection, returned_connection)) }

/// A connection that is forgotten
///
/// One checkout by a task that goes on after the answer: the connection is still held when the request has ended, here for
/// `LAB_LEAK_SECS`, elsewhere until the next restart. After `DATABASE_LONG_HOLD_SECS` the log says where it is, with the id of the
/// request, and the metric `db_client_connection_long_held` counts it.
#[utoipa::path(get, path = "/leaked_connection", responses((status = OK, body = PatternOut)))]
async fn leaked_connection(app: AppState) -> Result<Json<PatternOut>> {
    let forgotten = Duration::from_secs(app.config.section::<LabConfig>().leak_secs);
    observe("leaked_connection", async {
        let (begun, has_begun) = oneshot::channel();
        let leak = async move {
            let transaction = app.database.snapshot(async |tx| {
                let asked = LabRepository::new(tx).ask().await;
                let _ = begun.send(asked); // whoever asked may have left
                tokio::time::sleep(forgotten).await;
                Ok::<_, AppError>(())
            });
            if let Err(error) = transaction.await {
                tracing::debug!(%error, "the forgotten transaction did not end well");
            }
        };
        let checkouts = Checkouts::current().unwrap_or_default();
        tokio::spawn(checkouts.scope(leak).in_current_span());
        has_begun.await.map_err(AppError::internal)??;
        Ok(None)
    })
    .await
}

/// A connection that is given back
///
/// One checkout, and none is held when the answer is made: who owns a connection owns the scope in which it ends.
#[utoipa::path(get, path = "/returned_connection", responses((status = OK, body = PatternOut)))]
async fn returned_connection(app: AppState) -> Result<Json<PatternOut>> {
    let pattern = app.database.snapshot(async |tx| {
        LabRepository::new(tx).ask().await?;
        Ok(None)
    });
    observe("returned_connection", pattern).await
}

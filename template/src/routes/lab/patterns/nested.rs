//! A connection that is waited for while another one is held.

use axum::Json;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::observe;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(nested_checkout, shared_transaction)) }

/// A checkout inside another
///
/// Two checkouts, both held at a time: the transaction's, and one for a statement on the pool in it. As soon as as many requests as
/// the pool has connections are at that point, each waits for what another one holds: nobody goes on before `DATABASE_POOL_TIMEOUT_SECS`
/// is over, and then they fail with 503. A larger pool only moves the number.
#[utoipa::path(get, path = "/nested_checkout", responses((status = OK, body = PatternOut)))]
async fn nested_checkout(app: AppState) -> Result<Json<PatternOut>> {
    let pattern = app.database.snapshot(async |tx| {
        LabRepository::new(tx).ask().await?;
        LabRepository::new(&app.database).ask().await?;
        Ok(None)
    });
    observe("nested_checkout", pattern).await
}

/// The transaction handed down
///
/// One checkout: what is called in a transaction gets the transaction. That is why repositories borrow their connection.
#[utoipa::path(get, path = "/shared_transaction", responses((status = OK, body = PatternOut)))]
async fn shared_transaction(app: AppState) -> Result<Json<PatternOut>> {
    let pattern = app.database.snapshot(async |tx| {
        LabRepository::new(tx).ask().await?;
        LabRepository::new(tx).ask().await?;
        Ok(None)
    });
    observe("shared_transaction", pattern).await
}

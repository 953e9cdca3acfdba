//! A statement that the database refuses.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PoolOut;
use crate::repositories::lab::{LabRepository, is_refusal};

register_routes! { management in local | dev at "/lab/safety" tagged "lab: safety": Routes::new().add(routes!(query_error)) }

/// What an error left behind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct QueryErrorOut {
    /// Whether the database refused the statement, as it should.
    failed: bool,
    /// The same in a transaction.
    failed_in_transaction: bool,
    /// The pool afterwards: the connections that met the errors are still in it.
    pool: PoolOut,
}

/// A statement that fails
///
/// An error of the database leaves its connection as good as before: it goes back to the pool, and the next statement runs on it; else
/// this would not be answered. A transaction is rolled back first.
#[utoipa::path(get, path = "/query_error", responses((status = OK, body = QueryErrorOut)))]
async fn query_error(app: AppState) -> Result<Json<QueryErrorOut>> {
    let refused = LabRepository::new(&app.database).fail().await;
    let transaction = app
        .database
        .transaction(async |tx| LabRepository::new(tx).fail().await);
    let refused_in_transaction = transaction.await;
    LabRepository::new(&app.database).ask().await?;
    Ok(Json(QueryErrorOut {
        failed: refused.is_err_and(|error| is_refusal(&error)),
        failed_in_transaction: refused_in_transaction.is_err_and(|error| is_refusal(&error)),
        pool: PoolOut::from(&app.database),
    }))
}

//! Work that is given up.

use std::time::Duration;

use axum::Json;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::nothing_is_held;
use crate::core::database::Checkouts;
use crate::core::http::{AppError, Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::settings;

register_routes! { management in local | dev at "/lab/safety" tagged "lab: safety": Routes::new().add(routes!(cancellation)) }

/// How long the work would take that is given up: longer than anybody waits here.
const WORK: Duration = Duration::from_mins(10);

/// What was left behind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CancellationOut {
    /// Whether the work was given up before its end, as it should.
    cancelled: bool,
    /// Connections that the work had taken.
    checkouts: u64,
    /// Connections that it still held when it had been given up.
    still_held: u64,
    /// Whether nobody holds a connection any more. Others who use the service at the time hold some, too.
    nothing_is_held: bool,
}

/// Work that is given up
///
/// A transaction with a statement that would take minutes is dropped after `LAB_DELAY_MS`, as happens when a client hangs up or a
/// deadline is over. The server ends the statement, the transaction is undone, and the place in the pool is free again: the
/// next statement is answered, or this would not be.
#[utoipa::path(get, path = "/cancellation", responses((status = OK, body = CancellationOut)))]
async fn cancellation(app: AppState) -> Result<Json<CancellationOut>> {
    let checkouts = Checkouts::default();
    let work = app.database.transaction(async |tx| {
        let lab = LabRepository::new(tx);
        lab.allow(WORK).await?;
        lab.wait(WORK).await?;
        Ok::<_, AppError>(())
    });
    let work = timeout(settings::delay(&app), checkouts.clone().scope(work));
    let cancelled = work.await.is_err();
    let still_held = checkouts.held();
    LabRepository::new(&app.database).ask().await?;
    Ok(Json(CancellationOut {
        cancelled,
        checkouts: checkouts.taken(),
        still_held,
        nothing_is_held: nothing_is_held(&app).await,
    }))
}

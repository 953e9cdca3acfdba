//! One connection for each statement, or one for all of a request.

use axum::Json;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::observe;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(per_statement, per_request)) }

/// Statements that a request needs.
const STATEMENTS: usize = 3;

/// A connection for each statement
///
/// Three statements on the pool: three checkouts, never more than one connection at a time. Each checkout may have to wait, but
/// between them the connection is somebody else's: under load that is what most handlers should do.
#[utoipa::path(get, path = "/per_statement", responses((status = OK, body = PatternOut)))]
async fn per_statement(app: AppState) -> Result<Json<PatternOut>> {
    observe("per_statement", async {
        for _ in 0..STATEMENTS {
            LabRepository::new(&app.database).ask().await?;
        }
        Ok(None)
    })
    .await
}

/// One connection for the request
///
/// The same statements in one transaction: one checkout, one connection for all of them. That is right for what belongs together, and
/// costs a BEGIN and a COMMIT; nothing else may be waited for meanwhile.
#[utoipa::path(get, path = "/per_request", responses((status = OK, body = PatternOut)))]
async fn per_request(app: AppState) -> Result<Json<PatternOut>> {
    let statements = app.database.snapshot(async |tx| {
        for _ in 0..STATEMENTS {
            LabRepository::new(tx).ask().await?;
        }
        Ok(None)
    });
    observe("per_request", statements).await
}

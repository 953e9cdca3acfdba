//! A connection that is opened for a request, beside the pool.

use axum::Json;

use crate::core::config::DatabaseConfig;
use crate::core::database::{Checkouts, Database};
use crate::core::http::{AppError, Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::observe;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(connection_for_each_request, connection_of_the_pool)) }

/// A connection opened for the request
///
/// No checkout: it opens a connection of its own and closes it, which costs several round trips, a process on the server and, with
/// TLS, a handshake, for one short statement. Nothing limits how many there are, so load becomes `too many connections` for everybody.
#[utoipa::path(get, path = "/connection_for_each_request", responses((status = OK, body = PatternOut)))]
async fn connection_for_each_request(app: AppState) -> Result<Json<PatternOut>> {
    let alone = DatabaseConfig {
        pool_min_size: 0,
        pool_max_size: 1,
        ..app.config.section::<DatabaseConfig>().clone()
    };
    let pattern = async {
        let alone = Database::new(&alone, "lab").map_err(AppError::internal)?;
        let asked = LabRepository::new(&alone).ask().await;
        alone.close().await;
        asked?;
        Ok(None)
    };
    // its checkouts are of no pool that others share
    observe(
        "connection_for_each_request",
        Checkouts::default().scope(pattern),
    )
    .await
}

/// A connection of the pool
///
/// One checkout of a connection that is there already.
#[utoipa::path(get, path = "/connection_of_the_pool", responses((status = OK, body = PatternOut)))]
async fn connection_of_the_pool(app: AppState) -> Result<Json<PatternOut>> {
    observe("connection_of_the_pool", async {
        LabRepository::new(&app.database).ask().await?;
        Ok(None)
    })
    .await
}

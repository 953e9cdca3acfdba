//! A connection that is held while another service is waited for.

use axum::Json;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::{elsewhere, observe};

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(held_across_upstream, released_before_upstream)) }

/// A connection held across a call
///
/// One checkout, and the connection is held while another service is waited for: so many requests a second as connections divided by
/// the other's seconds, whatever the database could do. When the other becomes slow, the pool is what fails.
#[utoipa::path(get, path = "/held_across_upstream", responses((status = OK, body = PatternOut)))]
async fn held_across_upstream(app: AppState) -> Result<Json<PatternOut>> {
    let pattern = app.database.snapshot(async |tx| {
        LabRepository::new(tx).ask().await?;
        let held = elsewhere(&app).await;
        LabRepository::new(tx).ask().await?;
        Ok(Some(held))
    });
    observe("held_across_upstream", pattern).await
}

/// A connection given back before a call
///
/// Two checkouts, one before and one after the call, and none is held while it lasts.
#[utoipa::path(get, path = "/released_before_upstream", responses((status = OK, body = PatternOut)))]
async fn released_before_upstream(app: AppState) -> Result<Json<PatternOut>> {
    observe("released_before_upstream", async {
        LabRepository::new(&app.database).ask().await?;
        let held = elsewhere(&app).await;
        LabRepository::new(&app.database).ask().await?;
        Ok(Some(held))
    })
    .await
}

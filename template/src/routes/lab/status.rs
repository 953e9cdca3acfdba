//! What the service holds at this moment.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::core::http::streaming::active_streams;
use crate::core::http::{Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PoolOut;

register_routes! { management in local | dev at "/lab" tagged "lab": Routes::new().add(routes!(lab_status)) }

/// What is going on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LabStatusOut {
    /// The connection pool.
    pool: PoolOut,
    /// Streams that are being sent.
    streams: usize,
    /// By the name of what is loaded: loads that run.
    coalescing: BTreeMap<String, u64>,
}

/// What is going on in this replica?
///
/// The pool, streams and coalescers at this moment. A sweep asks for it while it runs.
#[utoipa::path(get, path = "/status", responses((status = OK, body = LabStatusOut)))]
async fn lab_status(app: AppState) -> Json<LabStatusOut> {
    let counts = app.coalescing.counts().into_iter();
    Json(LabStatusOut {
        pool: PoolOut::from(&app.database),
        streams: active_streams(&app),
        coalescing: counts
            .map(|(name, counts)| (name.to_owned(), counts.active()))
            .collect(),
    })
}

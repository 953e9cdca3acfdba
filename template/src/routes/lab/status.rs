//! What the service holds at this moment.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::core::database::PoolStatus;
use crate::core::http::streaming::active_streams;
use crate::core::http::{Routes, register_routes, routes};
use crate::core::state::AppState;

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

/// How full the pool is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct PoolOut {
    /// Connections that it may hold.
    max_size: usize,
    /// Connections that it holds.
    size: usize,
    /// Connections that somebody uses.
    in_use: usize,
    /// Connections that nobody uses.
    idle: usize,
    /// Callers that wait for one.
    waiting: usize,
    /// Connections that were held for longer than `DATABASE_LONG_HOLD_SECS`, and still are.
    long_held: usize,
}

impl PoolOut {
    pub(super) fn of(app: &AppState) -> Self {
        let status = app.database.status();
        let in_use = status.in_use();
        let PoolStatus {
            max_size,
            size,
            idle,
            waiting,
        } = status;
        Self {
            max_size,
            size,
            in_use,
            idle,
            waiting,
            long_held: app.database.long_held(),
        }
    }
}

/// What is going on in this replica?
///
/// The pool, streams and coalescers at this moment. A sweep asks for it while it runs.
#[utoipa::path(get, path = "/status", responses((status = OK, body = LabStatusOut)))]
async fn lab_status(app: AppState) -> Json<LabStatusOut> {
    let counts = app.coalescing.counts().into_iter();
    Json(LabStatusOut {
        pool: PoolOut::of(&app),
        streams: active_streams(&app),
        coalescing: counts
            .map(|(name, counts)| (name.to_owned(), counts.active()))
            .collect(),
    })
}

//! Work that blocks: on a worker thread, on a thread for such work, and not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use axum::Json;
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, spawn_blocking};
use utoipa::ToSchema;

use crate::core::http::{AppError, Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::core::telemetry::milliseconds;
use crate::routes::lab::settings;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(blocking_work, blocking_work_aside, waiting_work)) }

/// How often whoever shares the thread wants to go on.
const TURN: Duration = Duration::from_millis(1);

/// What work left of its thread to others.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct BlockingOut {
    /// How often another task of the service, which this request began on its thread, could go on meanwhile.
    turns_of_others: u64,
    /// How long the work took, in milliseconds.
    #[schema(example = 102.4)]
    duration_ms: f64,
}

async fn beside(work: impl Future<Output = Result<()>>) -> Result<Json<BlockingOut>> {
    let begun = Instant::now();
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    let mut others = JoinSet::new(); // they end with it, also if whoever asked leaves
    others.spawn(async move {
        loop {
            tokio::time::sleep(TURN).await;
            counted.fetch_add(1, Relaxed);
        }
    });
    work.await?;
    Ok(Json(BlockingOut {
        turns_of_others: turns.load(Relaxed),
        duration_ms: milliseconds(begun.elapsed()),
    }))
}

/// Blocking work on a worker thread
///
/// For `LAB_DELAY_MS` the thread is taken: no task that waits for it goes on, neither requests nor timers, unless another thread takes
/// it over. There are as many threads as `SERVER_WORKER_THREADS` says, so a few such requests stop the whole service, probes included;
/// with one thread, one does, and others get no turn.
#[utoipa::path(get, path = "/blocking_work", responses((status = OK, body = BlockingOut)))]
async fn blocking_work(app: AppState) -> Result<Json<BlockingOut>> {
    let time = settings::delay(&app);
    beside(async move {
        thread::sleep(time);
        Ok(())
    })
    .await
}

/// Blocking work on a thread of its own
///
/// `spawn_blocking` takes it to one of `SERVER_BLOCKING_THREADS`: others go on. It can't be cancelled, and beyond that number work
/// waits in a queue without a limit.
#[utoipa::path(get, path = "/blocking_work_aside", responses((status = OK, body = BlockingOut)))]
async fn blocking_work_aside(app: AppState) -> Result<Json<BlockingOut>> {
    let time = settings::delay(&app);
    beside(async move {
        let work = spawn_blocking(move || thread::sleep(time));
        work.await.map_err(AppError::internal)
    })
    .await
}

/// Work that waits
///
/// Nobody's thread is taken, and whoever asked can leave.
#[utoipa::path(get, path = "/waiting_work", responses((status = OK, body = BlockingOut)))]
async fn waiting_work(app: AppState) -> Result<Json<BlockingOut>> {
    let time = settings::delay(&app);
    beside(async move {
        tokio::time::sleep(time).await;
        Ok(())
    })
    .await
}

//! What a pattern did, counted while it ran.

use std::time::Instant;

use axum::Json;
use tracing::Instrument;

use super::settings;
use crate::core::database::Checkouts;
use crate::core::http::Result;
use crate::core::state::AppState;
use crate::core::telemetry::milliseconds;
use crate::models::lab::PatternOut;

/// Runs a pattern and counts what it takes. The pattern says how many connections it held while it waited, see [`elsewhere`].
pub(super) async fn observe(
    name: &'static str,
    pattern: impl Future<Output = Result<Option<u64>>>,
) -> Result<Json<PatternOut>> {
    let checkouts = Checkouts::default();
    let begun = Instant::now();
    // requests to operators' routes have no span in traces: this is where checkout, statement and release belong
    let span = tracing::info_span!("pattern", otel.name = name);
    let pattern = checkouts.clone().scope(pattern).instrument(span);
    let held_while_waiting = pattern.await?;
    Ok(Json(PatternOut {
        checkouts: checkouts.taken(),
        peak: checkouts.peak(),
        held_while_waiting,
        still_held: checkouts.held(),
        duration_ms: milliseconds(begun.elapsed()),
    }))
}

/// Waits for another service, which is only played. Answers how many connections the pattern holds meanwhile.
pub(super) async fn elsewhere(app: &AppState) -> u64 {
    let held = Checkouts::current().map_or(0, |checkouts| checkouts.held());
    tokio::time::sleep(settings::delay(app)).await;
    held
}

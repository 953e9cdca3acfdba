//! What coalescers did, for operators.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Json, NoContent, Routes, register_routes, routes};
use crate::core::coalescing::Counts;
use crate::core::state::AppState;

register_routes! { management at "/coalescing" tagged "management": Routes::new()
.add(routes!(coalescing_stats))
.add(routes!(reset_coalescing_stats)) }

/// What did coalescing spare?
///
/// By the name of what is loaded, since the start or since the figures were reset, in this replica.
#[utoipa::path(get, path = "/stats", responses((status = OK, body = BTreeMap<String, CoalescingOut>)))]
async fn coalescing_stats(app: AppState) -> Json<BTreeMap<String, CoalescingOut>> {
    let counts = app.coalescing.counts().into_iter();
    Json(
        counts
            .map(|(name, counts)| (name.to_owned(), CoalescingOut::of(&counts)))
            .collect(),
    )
}

/// Count from 0 again
#[utoipa::path(post, path = "/stats/reset", responses((status = NO_CONTENT)))]
async fn reset_coalescing_stats(app: AppState) -> NoContent {
    for counts in app.coalescing.counts().values() {
        counts.reset();
    }
    NoContent
}

/// What one coalescer did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CoalescingOut {
    /// Callers that got what another's load came to.
    hits: u64,
    /// Callers that loaded.
    misses: u64,
    /// Loads that came to an error.
    errors: u64,
    /// Loads that are running.
    active: u64,
    /// The share of callers that needed no load of their own, 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.97)]
    hit_rate: f64,
    /// All callers.
    total_requests: u64,
    /// Loads that were not necessary.
    queries_prevented: u64,
}

impl CoalescingOut {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share needs no more than 52 bits"
    )]
    fn of(counts: &Counts) -> Self {
        let (hits, misses) = (counts.hits(), counts.misses());
        let total_requests = hits + misses;
        Self {
            hits,
            misses,
            errors: counts.errors(),
            active: counts.active(),
            hit_rate: hits as f64 / total_requests.max(1) as f64,
            total_requests,
            queries_prevented: hits,
        }
    }
}

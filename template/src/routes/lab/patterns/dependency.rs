//! Two parts of a request, each with a session of its own where one was meant.

use axum::Json;

use crate::core::http::{Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::models::lab::PatternOut;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::observed::observe;

register_routes! { management in local | dev at "/lab/patterns" tagged "lab: patterns": Routes::new().add(routes!(session_for_each, session_for_both)) }

/// A session for each dependency
///
/// Two checkouts and two connections at a time, since who checks the user and who writes the audit each opened a session: a cache of
/// dependencies that was turned off, or asked with another key. The request needs twice the pool, neither sees what the other has
/// not committed, and it deadlocks as a nested checkout does.
#[utoipa::path(get, path = "/session_for_each", responses((status = OK, body = PatternOut)))]
async fn session_for_each(app: AppState) -> Result<Json<PatternOut>> {
    let user = app.database.snapshot(async |user| {
        let audit = app.database.snapshot(async |audit| {
            LabRepository::new(user).ask().await?;
            LabRepository::new(audit).ask().await?;
            Ok(None)
        });
        audit.await
    });
    observe("session_for_each", user).await
}

/// One session for both
///
/// One checkout: the session is made once for the request, and given to both.
#[utoipa::path(get, path = "/session_for_both", responses((status = OK, body = PatternOut)))]
async fn session_for_both(app: AppState) -> Result<Json<PatternOut>> {
    let session = app.database.snapshot(async |session| {
        let (user, audit) = (LabRepository::new(session), LabRepository::new(session));
        user.ask().await?;
        audit.ask().await?;
        Ok(None)
    });
    observe("session_for_both", session).await
}

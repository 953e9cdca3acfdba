//! The end of the service, asked for by a request.

use axum::http::StatusCode;

use crate::core::http::server::Shutdown;
use crate::core::http::{Routes, register_routes, routes};
use crate::core::state::AppState;

register_routes! { management in local | dev at "/lab" tagged "lab": Routes::new().add(routes!(shut_down)) }

/// Stop the service
///
/// As SIGTERM does: it is not ready any more, goes on serving for `SERVER_SHUTDOWN_DRAIN_SECS`, lets requests end, closes the pool and
/// exits with 0. Load a slow route meanwhile, and watch it being answered.
#[utoipa::path(post, path = "/shutdown", responses((status = ACCEPTED, description = "It is on its way.")))]
async fn shut_down(app: AppState) -> StatusCode {
    app.component::<Shutdown>().request();
    StatusCode::ACCEPTED
}

//! What every request passes through, outermost first, in one stack: axum boxes a request's future for each `.layer()`.
//!
//! 1. [`Boundary`]: request id, span, the log line, the body of errors, security headers.
//! 2. CORS, outside what follows, so that a page may read errors, too.
//! 3. [`Guard`]: a panic and the time limit become errors.
//! 4. The limit of a body's size.

mod boundary;
mod cors;
mod guard;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use axum::routing::Route;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::cors::CorsLayer;

use self::boundary::Boundary;
use self::guard::Guard;
use crate::core::config::ServerConfig;
use crate::core::state::AppState;

/// The stack for what clients call.
pub(super) fn public(router: Router<AppState>, app: &AppState) -> Router<AppState> {
    let cors = cors::layer(app.config.section());
    router.layer(stack(app, boundary::Traffic::Clients, cors))
}

/// The stack for what operators and probes call: never limited, and not worth a log line when all is well.
pub(super) fn management(router: Router<AppState>, app: &AppState) -> Router<AppState> {
    router.layer(stack(app, boundary::Traffic::Probes, None))
}

fn stack(
    app: &AppState,
    traffic: boundary::Traffic,
    cors: Option<CorsLayer>,
) -> impl Layer<
    Route,
    Service: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
                 + Clone
                 + Send
                 + Sync
                 + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    let server = app.config.section::<ServerConfig>();
    let reveal_causes = app.config.env().reveals_causes();
    let limit = Duration::from_secs(server.request_timeout_secs);
    // A probe has its own patience, and no reason to end a check for the others.
    let asks_client = traffic == boundary::Traffic::Clients;
    ServiceBuilder::new()
        .layer_fn(move |inner| Boundary::new(inner, traffic, reveal_causes))
        .option_layer(cors)
        .layer_fn(move |inner| Guard::new(inner, limit, asks_client))
        .layer(DefaultBodyLimit::max(server.body_limit_bytes))
        .into_inner()
}

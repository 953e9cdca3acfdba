//! What every request passes through, outermost first, in one stack: axum boxes a request's future for each `.layer()`.
//!
//! 1. [`Identify`]: who asks.
//! 2. [`Boundary`]: request id, span, the log line, metrics, the body of errors, security headers, where the time went.
//! 3. [`Cors`], outside what follows, so that a page may read errors, too. It answers preflights itself: they cost next to
//!    nothing, and a browser that is refused one can't say why. Any other `OPTIONS` goes on, and counts.
//! 4. [`RateLimit`]: what a client may send.
//! 5. [`Compress`]: what is worth it. Problems are not, the boundary writes them.
//! 6. [`Guard`]: a panic and the time limit become errors.
//! 7. The limit of requests under way, for clients only: beyond it there is a 503 at once.
//! 8. The limit of a body's size.

mod boundary;
mod client;
mod compression;
mod cors;
mod guard;
mod in_flight;
mod meter;
mod quota;
mod rate_limit;
mod security;
mod server_timing;
mod span;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use axum::routing::Route;
use tower::{Layer, Service, ServiceBuilder, layer::layer_fn};

use self::boundary::Boundary;
use self::client::{Identify, Proxies};
use self::compression::Compress;
pub(super) use self::compression::Compressible;
use self::cors::{Cors, CorsPolicy};
use self::guard::Guard;
pub(super) use self::in_flight::InFlight;
use self::in_flight::{Limit, LimitInFlight};
use self::rate_limit::{Limiter, RateLimit};
use crate::core::config::{RateLimitConfig, ServerConfig};
use crate::core::state::AppState;

/// The stack for what clients call.
pub(super) fn public(router: Router<AppState>, app: &AppState) -> Router<AppState> {
    let cors = CorsPolicy::new(app.config.section());
    let limiter = Limiter::new(app.config.section());
    let in_flight = Limit::new(app.config.section::<ServerConfig>().max_in_flight);
    router.layer(stack(
        app,
        boundary::Traffic::Clients,
        cors,
        limiter,
        Some(in_flight),
    ))
}

/// The stack for what operators and probes call: never limited, and not worth a log line when all is well.
pub(super) fn management(router: Router<AppState>, app: &AppState) -> Router<AppState> {
    router.layer(stack(app, boundary::Traffic::Probes, None, None, None))
}

fn stack(
    app: &AppState,
    traffic: boundary::Traffic,
    cors: Option<Arc<CorsPolicy>>,
    limiter: Option<Arc<Limiter>>,
    in_flight: Option<Arc<Limit>>,
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
    let env = app.config.env();
    let limit = Duration::from_secs(server.request_timeout_secs);
    // A probe has its own patience, and no reason to end a check for the others.
    let asks_client = traffic == boundary::Traffic::Clients;
    let proxies = Proxies::new(app.config.section::<RateLimitConfig>());
    let cors = cors.map(|policy| layer_fn(move |inner| Cors::new(inner, Arc::clone(&policy))));
    let limit_rate =
        limiter.map(|limiter| layer_fn(move |inner| RateLimit::new(inner, Arc::clone(&limiter))));
    ServiceBuilder::new()
        .layer_fn(move |inner| Identify::new(inner, Arc::clone(&proxies)))
        .layer_fn(move |inner| Boundary::new(inner, traffic, env))
        .option_layer(cors)
        .option_layer(limit_rate)
        .layer_fn(Compress::new)
        .layer_fn(move |inner| Guard::new(inner, limit, asks_client))
        .option_layer(
            in_flight
                .map(|limit| layer_fn(move |inner| LimitInFlight::new(inner, Arc::clone(&limit)))),
        )
        .layer(DefaultBodyLimit::max(server.body_limit_bytes))
        .into_inner()
}

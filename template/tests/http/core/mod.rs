//! What every route has in common, shown on toys that this binary registers itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets something else than it expects has failed"
)]

mod bodies;
mod breaker;
mod coalescing;
mod compression;
mod cors;
mod deadline;
mod errors;
mod http_client;
mod idempotency;
mod management;
mod metrics;
mod openapi;
mod outbound;
mod outbound_tls;
mod overload;
mod parameters;
mod rate_limit;
mod reference;
mod registration;
mod requests;
mod responses;
mod server;
mod state;
mod timing;
mod toys;
mod traces;

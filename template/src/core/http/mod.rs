//! HTTP: what a handler needs to be served, documented and answered for.
//!
//! A file in `routes/` registers its handlers with [`register_routes!`](crate::register_routes). Everything else is made of that: the [`Api`](crate::core::http::Api) checks the
//! registrations, and holds the router and the OpenAPI document; [`Server`](crate::core::http::server::Server) puts it behind the middleware and on its ports.

mod caller;
mod coalescing;
mod docs;
mod error;
mod extract;
mod idempotency;
mod index;
mod json;
mod management;
mod metrics;
mod middleware;
mod problems;
mod respond;
mod routes;
mod surface;

/// Lists on the wire: which page is wanted, and the page.
pub mod pagination;

/// Answers of any length, sent while their rows are read.
pub mod streaming;

/// The listeners, and how the service starts and stops.
pub mod server;

pub use self::caller::Caller;
pub use self::error::{AppError, FieldError, Problem, ProblemCode, Result};
pub use self::extract::{
    FromQuery, IfMatch, QueryPairs, ValidHeaders, ValidJson, ValidPath, ValidQuery,
};
pub use self::idempotency::IdempotencyKey;
pub use self::json::Json;
pub use self::respond::{Created, NoContent, Representation, Tagged};
pub use self::routes::{
    Api, Authentication, Document, Documented, Exposure, Reference, RouteModule, RouteRow, Routes,
    RoutesError, route_table,
};
pub use self::surface::Surface;
pub use crate::{documented_routes as routes, register_routes, route_module};

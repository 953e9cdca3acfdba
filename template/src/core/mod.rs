//! Infrastructure without business names, itself a tower: each module uses only those below it.

/// HTTP: the server and its middleware, errors, extractors, and the registry of routes with its OpenAPI document.
pub mod http;

/// Registered checks that say whether the service can do its work.
pub mod health;

/// Gauges that are set when somebody asks for them.
pub mod gauges;

/// What all handlers share, and the components that files bring along.
pub mod state;

/// The pooled client for requests to other services.
#[cfg(feature = "http-client")]
pub mod http_client;

/// One load for all who ask for the same at the same time.
pub mod coalescing;

/// Where the time of the request that is being answered goes.
pub mod time_spent;

/// When the request that is being answered must be over.
pub mod deadline;

/// The current time, from a clock that tests can replace.
pub mod clock;

/// Times as text.
pub mod rfc3339;

/// The database: a pool of connections under SeaORM's traits, its errors, and the migrator.
pub mod database;

/// What the service says about itself: the log, with panics, and metrics.
pub mod telemetry;

/// The id of the request that is being answered.
pub mod request_id;

/// Settings: sections, where their values come from, and what is wrong with them.
pub mod config;

/// The ground: sorted, checked iteration over what files have registered.
pub mod registry;

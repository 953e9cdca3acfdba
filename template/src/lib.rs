//! A layered HTTP service. Each layer uses only those below it; `tests/architecture.rs` holds them to that.
//!
//! To add a resource, say `widgets`, write one file of that name in each layer, from the ground up: a migration, a model, a
//! repository, a service if it spans more than one repository, and its routes. Each file registers what it brings; the one
//! line to add elsewhere is its `mod` in the layer's `mod.rs`, and the architecture test prints it if it is missing.

/// The commands of the binary: serve, migrate, seed, routes, openapi, metrics, config, healthcheck.
pub mod commands;

/// What clients see: one file per resource, each of which registers its own routes.
pub mod routes;

/// What spans several repositories or needs a transaction.
pub mod services;

/// The only place that writes queries: the generic repository, and one file per resource.
pub mod repositories;

/// One file per table: its entity, and the types that go over the wire.
pub mod models;

/// The schema's history: one file per step, embedded in the binary.
pub mod migrations;

/// Infrastructure that knows nothing of the business: configuration, database, HTTP, telemetry.
pub mod core;

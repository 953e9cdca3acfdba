//! The service as its clients see it: requests go through the router with all of its middleware, and one file binds real ports.

mod core;
mod resources;
mod support;

//! One file for each resource.

mod idempotency;
mod orders;
mod products;
#[cfg(feature = "http-client")]
mod quotes;
mod users;

//! What spans several repositories or needs a transaction. Only here a transaction begins and ends.

/// The lab: its settings.
pub mod lab;

/// Orders: an order and its lines are written together or not at all.
pub mod orders;

/// Products: reads that share a statement, and the writes that end it.
pub mod products;

/// Quotes: what another service asks for a product.
#[cfg(feature = "http-client")]
pub mod quotes;

mod seeds;

/// Users, many at a time.
pub mod users;

//! What spans several repositories or needs a transaction. Only here a transaction begins and ends.

/// Orders: an order and its lines are written together or not at all.
pub mod orders;

/// Quotes: what another service asks for a product.
#[cfg(feature = "http-client")]
pub mod quotes;

mod seeds;

//! One file per table: its entity, and the types that go over the wire.
//!
//! An entity is never serialised. What goes over the wire has types of its own: `…In` comes in with POST and PUT, `…Patch` with
//! PATCH, `…Out` goes out. The conversions between the two take each other apart field by field, so that a new column can't be
//! forgotten in one of them: the compiler points at it.

/// What the models of all resources share.
pub mod base;

/// What the lab answers.
#[cfg(feature = "lab")]
pub mod lab;

/// The lines of orders.
pub mod order_lines;

/// Orders, and the wire types of an order with its lines.
pub mod orders;

/// An amount of money, as products and the lines of orders have it.
pub mod price;

/// Products: what can be ordered.
pub mod products;

/// Quotes: what another service asks for a product.
pub mod quotes;

/// Users: who can order.
pub mod users;

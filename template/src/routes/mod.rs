//! What clients see: one file per resource, each of which registers its own routes.
//!
//! A handler is short: it takes what it needs from the request, makes one call down, and answers. The rest stands elsewhere: what
//! is accepted at the wire types, limits and errors in `core::http`, statements in the repositories.

#[cfg(feature = "lab")]
mod lab;

mod orders;
mod products;
#[cfg(feature = "http-client")]
mod quotes;
mod users;

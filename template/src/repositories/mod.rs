//! The only place that writes queries: the generic repository, and one file per resource.
//!
//! A repository borrows a connection, the pool or a transaction alike, and never opens one: who calls it decides what belongs
//! together. `find_…` answers an `Option`, `get…` fails with `NotFound`.

/// What every repository can do.
pub mod base;

/// What the lab asks the database.
#[cfg(feature = "lab")]
pub mod lab;

/// Orders with their lines.
pub mod orders;

/// Products.
pub mod products;

/// Users.
pub mod users;

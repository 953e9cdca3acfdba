//! Infrastructure without business names, itself a tower: each module uses only those below it.

/// Settings: sections, where their values come from, and what is wrong with them.
pub mod config;

/// The ground: sorted, checked iteration over what files have registered.
pub mod registry;

/// The database: a pool of connections under SeaORM's traits, its errors, and the migrator.
pub mod database;

//! The data layer on real databases: the pool, transactions, migrations and repositories.
//!
//! Each test runs on SQLite and, if `TEST_DATABASE_URL` names a server, on PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod toys;

mod repositories;
mod statements;

//! The data layer on real databases: the pool, transactions, migrations and repositories.
//!
//! Each test runs on SQLite and, if `TEST_DATABASE_URL` names a server, on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "../support/mod.rs"]
mod support;

mod toys;

mod cancellation;
mod endings;
mod holds;
mod logs;
mod migrations;
mod pool;
mod pooler;
mod recovery;
mod repositories;
mod startup;
mod statements;
mod telemetry;
#[cfg(unix)]
mod tls;
mod transactions;

//! The schema's history: one file per step, embedded in the binary, in the order of their names.
//!
//! A step that has left the building is never edited: a later one corrects it. Names of constraints and indexes are given, never
//! left to the database, so that both databases have the same ones and a later step can drop them: `pk_` and the table, then
//! `uq_`, `fk_`, `ck_`, `ix_` with table and columns. Every step has its way back.

mod m20260101_000000_create_idempotency_keys;
mod m20260101_000001_create_users;
mod m20260101_000002_create_products;
mod m20260101_000003_create_orders;
mod m20260101_000004_create_order_lines;

//! Patterns: a file for each pair of a good and a bad one.

mod blocking;
mod checkout;
mod concurrency;
mod dependency;
mod leak;
mod middleware;
mod nested;
mod open_transaction;
mod unpooled;
mod upstream;

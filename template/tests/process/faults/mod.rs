//! A database that is slow, busy or away, and clients that hang up: what the running service makes of it.

mod cancelled;
mod client;
mod outage;
mod sessions;
mod slow;
mod streams;

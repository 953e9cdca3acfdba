//! A database that is slow, busy or away, and clients that hang up: what the running service makes of it.

mod batch;
mod cancelled;
mod client;
mod coalesced;
mod outage;
mod sessions;
mod slow;
mod streams;

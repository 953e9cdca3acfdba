//! The lab: what handlers do to the connection pool, good and bad side by side. `docs/lab.md` tells what each pattern teaches.
//!
//! Unlike elsewhere, transactions begin and end here: how a handler does that is what these routes are about.

mod coalescing;
mod observed;
mod patterns;
mod performance;
mod query;
mod safety;
mod settings;
mod shutdown;
mod slow;
mod status;

//! Repositories: one suite that every one of them passes, and what only some can do.

mod counting;
mod cut_off;
mod gadgets;
mod orders;
mod plans;
mod products;
mod seeds;
mod suite;
mod users;

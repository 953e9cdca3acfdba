//! The database: a connection pool of our own under SeaORM's traits.
//!
//! Entities, statements and migrations are SeaORM's, connections are sqlx's, and the pool between them is ours, because the stock
//! one asks the server a question each time a connection comes back, doesn't say how long a caller waited, and lets the
//! statement of a caller who has gone away run to its end. `docs/connection-pools.md` tells what that means in production.
//!
//! | to find out | read |
//! |---|---|
//! | what the service uses: [`Database`](crate::core::database::Database) | `pool.rs` |
//! | how a statement runs, and when a connection is unfit for reuse | `queries.rs`, `connection.rs`, `statement.rs` |
//! | what becomes of a connection that is given back | `guard.rs` |
//! | who keeps a connection for long, and what a piece of work takes | `holds.rs`, `checkouts.rs` |
//! | transactions and savepoints | `transaction.rs` |
//! | work that is part of a transaction only sometimes | `session.rs` |
//! | rows one by one | `stream.rs` |
//! | statements whose text is made once | `text.rs` |
//! | the conversion to SeaORM's traits | `executor.rs` |
//! | how connections are opened, and kept warm | `manager.rs`, `opening.rs`, `postgres.rs`, `sqlite/`, `keeper.rs` |
//! | what becomes of a password that is changed | `password.rs` |
//! | what of the configuration reaches the pool | `settings.rs` |
//! | what a repository fails with: [`DataError`](crate::core::database::DataError) | `error.rs` |
//! | what is counted and measured | `metrics.rs`, `status.rs` |
//! | waiting for the server when the service starts, and whether all pools fit | `wait.rs`, `limits.rs` |
//! | the schema's history | `migrator/` |
//! | pages of lists | `keyset.rs` |
//! | lists of any length | `reader.rs` |
//! | example data | `seed.rs` |

mod checkouts;
mod connection;
mod error;
mod executor;
mod guard;
mod holds;
mod keeper;
pub mod keyset;
mod limits;
mod manager;
mod metrics;
pub mod migrator;
mod opening;
mod password;
mod pool;
mod postgres;
mod queries;
pub mod reader;
pub mod seed;
mod session;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod status;
mod stream;
mod text;
mod transaction;
mod wait;

pub use checkouts::Checkouts;
pub use error::{Constraint, DataError, Result};
pub use pool::Database;
pub use session::Session;
pub use status::PoolStatus;
pub use stream::RowStream;
pub use text::StatementText;
pub use transaction::Transaction;
pub use wait::NotReady;

pub use crate::register_migration;

//! Example data: what `seed` fills an empty database with.
//!
//! A file registers a seed for its table. They run in the order of their numbers, since rows refer to others. The data is the same
//! each time, so that a screenshot, a page number or a query plan can be talked about.

use std::fmt;

use futures::future::BoxFuture;

use super::{DataError, Database};
use crate::core::registry::{self, Entry, Origin, RegistryError};

/// Fills one table; made by [`register_seed!`](crate::register_seed).
pub struct Seed {
    table: &'static str,
    order: u16,
    fill: Fill,
    origin: Origin,
}

/// Fills a table with about so many rows, if it is empty, and answers how many it added.
type Fill = for<'d> fn(&'d Database, u64) -> BoxFuture<'d, Result<u64, DataError>>;

impl Seed {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(table: &'static str, order: u16, fill: Fill, origin: Origin) -> Self {
        Self {
            table,
            order,
            fill,
            origin,
        }
    }

    /// What is filled.
    #[must_use]
    pub const fn table(&self) -> &'static str {
        self.table
    }

    /// Fills the table with about so many rows. A table that has rows is left alone, so it does no harm to run it again.
    /// Answers how many rows were added.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn fill(&self, database: &Database, rows: u64) -> Result<u64, DataError> {
        (self.fill)(database, rows).await
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.table, self.origin)
    }
}

inventory::collect!(Seed);

impl Entry for Seed {
    const KIND: &'static str = "seed";

    fn key(&self) -> String {
        format!("{:05} {}", self.order, self.table)
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// All seeds, in the order in which they run. There may be none.
///
/// # Errors
///
/// Two files registered the same table with the same number.
pub fn seeds() -> Result<Vec<&'static Seed>, RegistryError> {
    registry::entries::<Seed>()
}

/// Registers what fills a table: its name, its place in the order, and an `async fn(&Database, rows: u64) -> Result<u64, DataError>`
/// that fills the table with about so many rows if it is empty, and answers how many it added.
#[macro_export]
macro_rules! register_seed {
    ($table:literal, $order:literal, $fill:path) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::database::seed::Seed::new(
                $table,
                $order,
                |database, rows| ::std::boxed::Box::pin($fill(database, rows)),
                $crate::origin!(),
            )
        }
    };
}

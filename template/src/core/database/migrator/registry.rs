//! Which migrations there are.

use std::fmt;

use sea_orm_migration::MigrationTrait;

use crate::core::registry::{Entry, Origin};

/// A migration that a file brought. Made by `register_migration!`.
#[derive(Clone, Copy)]
pub struct MigrationEntry {
    origin: Origin,
    make: fn() -> Box<dyn MigrationTrait>,
}

impl MigrationEntry {
    /// For `register_migration!`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(origin: Origin, make: fn() -> Box<dyn MigrationTrait>) -> Self {
        Self { origin, make }
    }

    /// The migration's name, by which the database remembers it, and by which they are sorted: that of its file.
    #[must_use]
    pub fn name(&self) -> String {
        self.migration().name().to_owned()
    }

    pub(super) fn migration(&self) -> Box<dyn MigrationTrait> {
        (self.make)()
    }
}

impl fmt::Debug for MigrationEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MigrationEntry({} in {:?})", self.name(), self.origin)
    }
}

inventory::collect!(MigrationEntry);

impl Entry for MigrationEntry {
    const KIND: &'static str = "migration";

    fn key(&self) -> String {
        self.name()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Registers the migration of this file: `register_migration!(Migration);`, where `Migration` derives `DeriveMigrationName`.
#[macro_export]
macro_rules! register_migration {
    ($migration:expr) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::database::migrator::MigrationEntry::new(
                $crate::origin!(),
                || ::std::boxed::Box::new($migration),
            )
        }
    };
}

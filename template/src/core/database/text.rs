//! Statements whose text is always the same.

use std::sync::OnceLock;

use sea_orm::{DbBackend, Statement};

/// The text of a statement that differs in its values only: made when it is first needed, for each kind of database, and then kept.
///
/// SeaORM makes a text from its parts, each of which it allocates: 25 000 instructions for a SELECT by id, more than the rest of what we do
/// for a row.
#[derive(Debug, Default)]
pub struct StatementText {
    postgres: OnceLock<String>,
    sqlite: OnceLock<String>,
}

impl StatementText {
    /// One that is not made yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            postgres: OnceLock::new(),
            sqlite: OnceLock::new(),
        }
    }

    /// The text. `make` makes a statement that has it.
    pub fn get(&self, backend: DbBackend, make: impl FnOnce() -> Statement) -> &str {
        let text = match backend {
            DbBackend::Sqlite => &self.sqlite,
            _ => &self.postgres,
        };
        text.get_or_init(|| make().sql)
    }
}

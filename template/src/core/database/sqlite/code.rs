//! What SQLite's errors mean.

use sea_orm::sqlx::{error::DatabaseError, sqlite::SqliteError};

/// Whether the connection can be used after this error.
///
/// SQLite's errors have no severity, but their codes are few. Some roll the whole transaction back without telling; what would
/// follow would then be committed statement by statement, so inside one they end the connection.
pub(in crate::core::database) fn leaves_connection_good(
    error: &dyn DatabaseError,
    depth: usize,
) -> bool {
    const NOMEM: i32 = 7;
    const INTERRUPT: i32 = 9;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const NOTADB: i32 = 26;
    match primary_code(error) {
        Some(IOERR | CORRUPT | NOTADB) | None => false,
        Some(NOMEM | INTERRUPT | FULL) => depth == 0,
        Some(_) => true,
    }
}

/// SQLite's result code without what extends it; `None` for an error of another database.
pub(in crate::core::database) fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<SqliteError>()?;
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// The code of a statement that the progress handler ended, which it does at the command timeout.
pub(in crate::core::database) fn is_interrupt(error: &dyn DatabaseError) -> bool {
    const INTERRUPT: i32 = 9;
    primary_code(error) == Some(INTERRUPT)
}

/// Another process has the lock, and kept it for longer than we wait.
pub(in crate::core::database) fn is_busy(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;
    primary_code(error) == Some(BUSY)
}

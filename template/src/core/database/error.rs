//! What a repository fails with.

use std::fmt;

use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr, SqlErr,
    sqlx::{
        self,
        error::{DatabaseError, ErrorKind},
        postgres::{PgDatabaseError, PgSeverity},
    },
};

use crate::core::coalescing::WriteError;

/// What a repository returns.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Why a repository could not do what it was asked for. It knows nothing of HTTP: what becomes of it there is decided by
/// `core::http`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no such row.
    #[error("{resource}{} does not exist", spaced(id))]
    NotFound {
        /// What was looked for, in the singular.
        resource: &'static str,
        /// Which one; empty if that isn't known.
        id: String,
    },
    /// The row has changed since the caller read it.
    #[error("{resource}{} has been changed since it was read", spaced(id))]
    StaleVersion {
        /// What was to be changed, in the singular.
        resource: &'static str,
        /// Which one.
        id: String,
    },
    /// There is a row already with this value, of which there may be one only.
    #[error("there is a row already with what must be unique: {constraint}")]
    Conflict {
        /// The constraint or unique index.
        constraint: Constraint,
    },
    /// The row refers to one that doesn't exist.
    #[error("a row that is referred to does not exist: {constraint}")]
    MissingReference {
        /// The foreign key; SQLite doesn't say which.
        constraint: Constraint,
    },
    /// The row can't be deleted, since others refer to it.
    #[error("other rows refer to this one: {constraint}")]
    InUse {
        /// The foreign key; SQLite doesn't say which.
        constraint: Constraint,
    },
    /// The row breaks a rule of the table: a column that must have a value has none, or a check failed.
    #[error("the row breaks a rule of its table: {constraint}")]
    Invalid {
        /// The check, or the column that must not be null.
        constraint: Constraint,
    },
    /// Anything else: the database is away, too slow, or was asked for nonsense.
    #[error(transparent)]
    Database(DbErr),
}

/// What a row violated, as far as the database says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraint {
    /// The table; of a foreign key, the one that refers.
    pub table: Option<String>,
    /// The name of the constraint or index. SQLite names only checks and indexes on expressions.
    pub name: Option<String>,
    /// The columns, where the database names those instead.
    pub columns: Vec<String>,
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.table, self.columns.as_slice()) {
            (Some(name), ..) => f.write_str(name),
            (None, Some(table), columns @ [_, ..]) => write!(f, "{table}({})", columns.join(", ")),
            (None, Some(table), []) => f.write_str(table),
            (None, None, _) => f.write_str("unnamed constraint"),
        }
    }
}

impl DataError {
    /// What a failed `DELETE` means: there a violated foreign key says that other rows refer to the one to be deleted. The
    /// databases use one code for this and for a reference to nothing, so only the caller knows.
    #[must_use]
    pub fn of_delete(error: DbErr) -> Self {
        match Self::from(error) {
            Self::MissingReference { constraint } => Self::InUse { constraint },
            other => other,
        }
    }

    /// No connection became free in time.
    #[must_use]
    pub fn is_pool_timeout(&self) -> bool {
        matches!(
            self,
            Self::Database(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
        )
    }

    /// The statement took longer than it may, and the database stopped it.
    #[must_use]
    pub fn is_statement_timeout(&self) -> bool {
        self.driver_error().is_some_and(|error| {
            #[cfg(feature = "sqlite")]
            if super::sqlite::is_interrupt(error) {
                return true;
            }
            error.code().as_deref() == Some("57014")
        })
    }

    /// The database can't be reached at the moment, or hung up; later it may work.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
                #[cfg(feature = "sqlite")]
                sqlx::Error::Database(error) if super::sqlite::is_busy(&**error) => true,
                sqlx::Error::Database(error) => hangs_up(&**error),
                _ => false,
            },
            _ => false,
        }
    }

    fn driver_error(&self) -> Option<&dyn DatabaseError> {
        match self {
            Self::Database(error) => driver_error(error),
            _ => None,
        }
    }
}

/// 57P0x: the server is shutting down, has crashed or is starting; 53300: it has no connection left; 08xxx with severity FATAL: a
/// pooler has lost its server, or found none.
fn hangs_up(error: &dyn DatabaseError) -> bool {
    match error.code().as_deref() {
        Some("57P01" | "57P02" | "57P03" | "53300") => true,
        Some(code) if code.starts_with("08") => {
            let postgres = error.try_downcast_ref::<PgDatabaseError>();
            postgres.is_some_and(|error| error.severity() == PgSeverity::Fatal)
        }
        _ => false,
    }
}

/// What the database's own driver says, if the error is the database's.
pub(super) fn driver_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    let (DbErr::Exec(error) | DbErr::Query(error) | DbErr::Conn(error)) = error else {
        return None;
    };
    match error {
        RuntimeErr::SqlxError(error) => error.as_database_error(),
        RuntimeErr::Internal(_) => None,
    }
}

impl WriteError for DataError {
    /// The database said no, or was not asked at all.
    fn is_definite(&self) -> bool {
        !matches!(self, Self::Database(_)) || self.is_pool_timeout() || self.is_statement_timeout()
    }
}

impl From<DbErr> for DataError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => {
                return Self::NotFound {
                    resource: "record",
                    id: String::new(),
                };
            }
            _ => {}
        }
        let Some(driver) = driver_error(&error) else {
            return Self::Database(error);
        };
        let constraint = Constraint::of(driver);
        match (error.sql_err(), driver.kind()) {
            (Some(SqlErr::UniqueConstraintViolation(_)), _) => Self::Conflict { constraint },
            (Some(SqlErr::ForeignKeyConstraintViolation(_)), _) => {
                Self::MissingReference { constraint }
            }
            (_, ErrorKind::CheckViolation | ErrorKind::NotNullViolation) => {
                Self::Invalid { constraint }
            }
            _ => Self::Database(error),
        }
    }
}

/// The id as it stands in a sentence after what it is the id of.
fn spaced(id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!(" {id}")
    }
}

impl Constraint {
    fn of(error: &dyn DatabaseError) -> Self {
        match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => Self {
                table: error.table().map(str::to_owned),
                name: error.constraint().map(str::to_owned),
                columns: error.column().map(str::to_owned).into_iter().collect(),
            },
            None => Self::in_message(error.message()),
        }
    }

    /// SQLite has no fields for it; after the last `failed: ` its message lists `table.column, table.column`, or says
    /// `index 'name'`, or names the check.
    fn in_message(message: &str) -> Self {
        let Some((_, violated)) = message.rsplit_once("failed: ") else {
            return Self::default();
        };
        if let Some(name) = violated.strip_prefix("index ") {
            return Self {
                name: Some(name.trim_matches('\'').to_owned()),
                ..Self::default()
            };
        }
        let columns: Option<Vec<(&str, &str)>> = violated
            .split(", ")
            .map(|column| column.split_once('.'))
            .collect();
        match columns.as_deref() {
            Some([(table, _), ..]) => Self {
                table: Some((*table).to_owned()),
                name: None,
                columns: columns
                    .iter()
                    .flatten()
                    .map(|(_, column)| (*column).to_owned())
                    .collect(),
            },
            _ => Self {
                name: Some(violated.to_owned()),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_row_is_named_as_far_as_it_is_known() {
        let id = "7".to_owned();
        let resource = "user";
        let missing = DataError::NotFound { resource, id };
        assert_eq!(missing.to_string(), "user 7 does not exist");
        let unnamed = DataError::from(DbErr::RecordNotUpdated);
        assert_eq!(unnamed.to_string(), "record does not exist");
    }

    #[test]
    fn what_sqlite_says_was_violated_is_read_from_its_message() {
        let columns = Constraint::in_message("UNIQUE constraint failed: users.first, users.last");
        assert_eq!(columns.to_string(), "users(first, last)");
        assert_eq!(columns.columns, ["first", "last"]);
        let index = Constraint::in_message("UNIQUE constraint failed: index 'users_email_key'");
        assert_eq!(index.to_string(), "users_email_key");
        let check = Constraint::in_message("CHECK constraint failed: users_age_check");
        assert_eq!(check.to_string(), "users_age_check");
        let foreign_key = Constraint::in_message("FOREIGN KEY constraint failed");
        assert_eq!(foreign_key, Constraint::default());
    }
}

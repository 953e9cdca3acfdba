//! Where checks run the service: the template's binary, in a fresh project, with an empty database of either kind.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::check::Outcome;
use crate::context::Context;
use crate::generate::Request;
use crate::postgres::Database;
use crate::service::Binary;

/// Where a service keeps its data in a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// Does the same on both, also if it fails on the first; fails as that one did.
pub(super) fn on_both_databases(work: impl Fn(Kind) -> Outcome) -> Outcome {
    [Kind::Sqlite, Kind::Postgres]
        .map(work)
        .into_iter()
        .collect()
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The service's binary, in a fresh project and with an empty database.
pub(super) struct Place {
    pub(super) binary: Binary,
    // In this order: the database goes before its server could.
    _database: Option<Database>,
    pub(super) folder: TempDir,
}

/// A fresh project to run the template's binary in.
pub(super) fn place_to_run(cx: &Context<'_>, kind: Kind) -> Result<Place> {
    place_to_run_with(cx, kind, &[])
}

/// The same with a binary that is built with these arguments, such as further features.
pub(super) fn place_to_run_with(cx: &Context<'_>, kind: Kind, arguments: &[&str]) -> Result<Place> {
    let folder = TempDir::with_prefix("strata-check-")?;
    let binary = binary(cx, folder.path(), arguments)?;
    Ok(match kind {
        Kind::Sqlite => Place {
            binary,
            _database: None,
            folder,
        },
        Kind::Postgres => {
            let database = cx.database()?;
            Place {
                binary: binary.setting("DATABASE_URL", database.url()),
                _database: Some(database),
                folder,
            }
        }
    })
}

/// The template's binary in place, to be run in a folder that becomes a fresh project.
fn binary(cx: &Context<'_>, folder: &Path, arguments: &[&str]) -> Result<Binary> {
    cx.generate(&Request::new("aaa-svc"))?.write_to(folder)?;
    Ok(Binary {
        path: cx.build(&cx.repo().template(), arguments)?,
        folder: folder.to_path_buf(),
        settings: Vec::new(),
    })
}

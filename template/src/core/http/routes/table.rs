//! The table of routes, as `cargo run -- routes` prints it.

use std::fmt::Write as _;

use super::Exposure;
use crate::core::registry::Origin;

/// One method of one path.
#[derive(Clone, Debug)]
pub struct RouteRow {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Who may call it.
    pub exposure: Exposure,
    /// The operation's id in the OpenAPI document; `-` for the document itself and its page.
    pub operation: String,
    /// Whether every environment has it.
    pub(super) everywhere: bool,
    pub(super) origin: Origin,
    /// The name of the module in the checked-in copies.
    pub(super) reference: String,
}

impl RouteRow {
    /// A route that is not part of the OpenAPI document.
    pub(in crate::core::http) fn undocumented(path: &str, origin: Origin) -> Self {
        let (_, module) = origin.module.split_once("::").unwrap_or_default();
        Self {
            method: "GET",
            path: path.to_owned(),
            exposure: Exposure::Public,
            operation: "-".to_owned(),
            everywhere: true,
            origin,
            reference: module.replace("::", "."),
        }
    }

    /// The file it is registered in, from `src/` on.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.origin.short_file()
    }
}

/// The rows as a table with a heading, for people to read.
#[must_use]
pub fn route_table<'r>(rows: impl IntoIterator<Item = &'r RouteRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        let exposure = row.exposure.as_str();
        [row.method, &row.path, exposure, &row.operation, row.file()]
    });
    let heading = ["METHOD", "PATH", "EXPOSURE", "OPERATION", "FILE"];
    let lines: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: [usize; 5] = std::array::from_fn(|column| width(column).unwrap_or_default());

    let mut table = String::new();
    for line in lines {
        for (cell, width) in line.iter().zip(widths).take(4) {
            let _ = write!(table, "{cell:width$}  ");
        }
        let _ = writeln!(table, "{}", line[4]);
    }
    table
}

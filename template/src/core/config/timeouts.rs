//! Timeouts nest: command < request ≤ shutdown.
//!
//! Otherwise the outer one always strikes first: a statement outlives the request that wanted its rows, and a stop cuts off
//! requests that still had time.

use super::{
    DatabaseConfig, Sections, ServerConfig,
    field::{Field, SectionFields},
    report::Report,
};

pub(super) fn check(sections: &Sections, fields: &[SectionFields], report: &mut Report<'_>) {
    let (Some(server), Some(database)) = (
        sections.get::<ServerConfig>(),
        sections.get::<DatabaseConfig>(),
    ) else {
        return;
    };
    let field = |key: &str| {
        fields
            .iter()
            .flat_map(|section| &section.fields)
            .find(|field| field.key == key)
    };
    let (Some(command), Some(request), Some(shutdown)) = (
        field("DATABASE_COMMAND_TIMEOUT_SECS"),
        field("SERVER_REQUEST_TIMEOUT_SECS"),
        field("SERVER_SHUTDOWN_TIMEOUT_SECS"),
    ) else {
        return;
    };
    let inner = (command, database.command_timeout_secs);
    let outer = (request, server.request_timeout_secs);
    if inner.1 >= outer.1 {
        let note = "otherwise the request ends first, and its statement runs on for nobody";
        refuse(
            report,
            inner,
            outer,
            ["must be less than", "must be more than"],
            note,
        );
    }
    let inner = (request, server.request_timeout_secs);
    let outer = (shutdown, server.shutdown_timeout_secs);
    if inner.1 > outer.1 {
        let note = "otherwise a stop cuts off requests that still had time";
        refuse(
            report,
            inner,
            outer,
            ["must not exceed", "must be at least"],
            note,
        );
    }
}

/// Reports the pair at the key that somebody set, since nobody can go to a default; at the inner one if both were.
fn refuse(
    report: &mut Report<'_>,
    inner: (&Field, u64),
    outer: (&Field, u64),
    [of_inner, of_outer]: [&str; 2],
    note: &str,
) {
    let (at, relation, other) = if report.setting(&inner.0.key).is_some() {
        (inner.0, of_inner, outer)
    } else {
        (outer.0, of_outer, inner)
    };
    let (other, value) = other;
    let source = report
        .setting(&other.key)
        .map_or("default".to_owned(), |setting| setting.source.to_string());
    report.refuse(
        at,
        &format!("{relation} {}, which is {value} ({source})", other.key),
        &[note],
    );
}

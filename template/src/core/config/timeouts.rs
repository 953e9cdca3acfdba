//! Timeouts nest: statement, wait for a connection and outbound request within the request, and that within the shutdown; a stream's
//! stall within that of its connection.
//!
//! Otherwise the outer one always strikes first: a statement outlives the request that wanted its rows, nobody learns that it was the
//! pool that had nothing free, and a stop cuts off requests that still had time.

#[cfg(feature = "http-client")]
use super::HttpClientConfig;
use super::{
    DatabaseConfig, Sections, ServerConfig, StreamConfig,
    field::{Field, SectionFields},
    report::Report,
};

/// A key and its seconds.
#[derive(Clone, Copy)]
struct Limit<'f> {
    field: &'f Field,
    secs: u64,
}

/// What comes one after the other on the inside must have its time on the outside.
struct Rule<'f> {
    inner: Vec<Limit<'f>>,
    outer: Limit<'f>,
    /// Whether something must be left over, to tell what happened.
    less: bool,
    why: &'static str,
}

pub(super) fn check(sections: &Sections, fields: &[SectionFields], report: &mut Report<'_>) {
    // What is wrong with one key is told at once.
    let mut found: Vec<(&Field, String, Vec<String>)> = Vec::new();
    for rule in rules(sections, fields).iter().flatten() {
        if !rule.is_broken() {
            continue;
        }
        let (field, reason) = rule.reason(report);
        match found.iter_mut().find(|(known, ..)| known.key == field.key) {
            Some((.., notes)) => notes.push(format!("it {reason}: {}", rule.why)),
            None => found.push((field, reason, vec![rule.why.to_owned()])),
        }
    }
    for (field, reason, notes) in found {
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        report.refuse(field, &reason, &notes);
    }
}

fn rules<'f>(sections: &Sections, fields: &'f [SectionFields]) -> Vec<Option<Rule<'f>>> {
    let limit = |key: &str, secs: Option<u64>| {
        let mut all = fields.iter().flat_map(|section| &section.fields);
        let field = all.find(|field| field.key == key)?;
        Some(Limit { field, secs: secs? })
    };
    let server = sections.get::<ServerConfig>();
    let request = limit(
        "SERVER_REQUEST_TIMEOUT_SECS",
        server.map(|server| server.request_timeout_secs),
    );
    let shutdown = limit(
        "SERVER_SHUTDOWN_TIMEOUT_SECS",
        server.map(|server| server.shutdown_timeout_secs),
    );
    let database = sections.get::<DatabaseConfig>();
    let command = limit(
        "DATABASE_COMMAND_TIMEOUT_SECS",
        database.map(|database| database.command_timeout_secs),
    );
    let connection = limit(
        "DATABASE_POOL_TIMEOUT_SECS",
        database.map(|database| database.pool_timeout_secs),
    );
    let rule = |inner: Vec<Option<Limit<'f>>>, outer: Option<Limit<'f>>, less, why| {
        Some(Rule {
            inner: inner.into_iter().collect::<Option<_>>()?,
            outer: outer?,
            less,
            why,
        })
    };
    #[cfg(feature = "http-client")]
    let outbound = {
        let client = sections.get::<HttpClientConfig>();
        let whole = client.map(|client| client.request_timeout_secs);
        let place = client.map(|client| client.pool_timeout_secs);
        let both = vec![
            limit("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", whole),
            limit("HTTP_CLIENT_POOL_TIMEOUT_SECS", place),
        ];
        let why =
            "otherwise the request ends first, and nobody learns that the other service was slow";
        rule(both, request, false, why)
    };
    #[cfg(not(feature = "http-client"))]
    let outbound = None;
    let stall = limit(
        "STREAM_STALL_SECS",
        sections
            .get::<StreamConfig>()
            .map(|stream| stream.stall_secs),
    );
    let write_stall = limit(
        "SERVER_WRITE_STALL_SECS",
        server.map(|server| server.write_stall_secs),
    );
    vec![
        rule(
            vec![stall],
            write_stall,
            true,
            "otherwise the connection is cut first, and nothing says that it was a stream",
        ),
        rule(
            vec![command],
            request,
            true,
            "otherwise the request ends first, and its statement runs on for nobody",
        ),
        rule(
            vec![connection],
            request,
            true,
            "otherwise the request ends first, with 504, where 503 would say that no connection was free",
        ),
        outbound,
        rule(
            vec![request],
            shutdown,
            false,
            "otherwise a stop cuts off requests that still had time",
        ),
    ]
}

impl<'f> Rule<'f> {
    fn is_broken(&self) -> bool {
        let inner: u64 = self.inner.iter().map(|limit| limit.secs).sum();
        inner > self.outer.secs || (self.less && inner == self.outer.secs)
    }

    /// What is wrong, at the key that somebody set, since nobody can go to a default; at the inner one if both were.
    fn reason(&self, report: &Report<'_>) -> (&'f Field, String) {
        let is_set = |limit: &&Limit<'_>| report.setting(&limit.field.key).is_some();
        let outer = self.outer.said(report);
        if let Some(at) = self.inner.iter().find(is_set) {
            let others: Vec<String> = self
                .inner
                .iter()
                .filter(|other| other.field.key != at.field.key)
                .map(|other| format!("and {}, together ", other.said(report)))
                .collect();
            let relation = if self.less {
                "must be less than"
            } else {
                "must not exceed"
            };
            let reason = format!("{}{relation} {outer}", others.concat());
            return (at.field, reason);
        }
        let inner: Vec<String> = self.inner.iter().map(|limit| limit.said(report)).collect();
        let relation = if self.less { "more than" } else { "at least" };
        let together = if inner.len() > 1 { ", together" } else { "" };
        let reason = format!("must be {relation} {}{together}", inner.join(", and "));
        (self.outer.field, reason)
    }
}

impl Limit<'_> {
    fn said(&self, report: &Report<'_>) -> String {
        let Self { field, secs } = self;
        let setting = report.setting(&field.key);
        let source = setting.map_or("default".to_owned(), |setting| setting.source.to_string());
        format!("{}, which is {secs} ({source})", field.key)
    }
}

//! Quantities as Kubernetes writes them, and what a unit of the service takes of them.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::Container, apimachinery::pkg::api::resource::Quantity};

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;

/// Bytes, or thousandths of a processor.
#[track_caller]
pub(crate) fn amount(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .unwrap_or_else(|_| panic!("`{text}`: whole numbers are understood here"));
    match &text[digits.len()..] {
        "" | "m" => number,
        "Ki" => number * KIB,
        "Mi" => number * MIB,
        "Gi" => number * 1024 * MIB,
        unit => panic!("`{text}`: the unit {unit} is not understood here"),
    }
}

/// Thousandths of a processor.
#[track_caller]
pub(crate) fn millicores(text: &str) -> u64 {
    if text.ends_with('m') {
        amount(text)
    } else {
        amount(text) * 1000
    }
}

type Amounts = BTreeMap<String, Quantity>;

/// What a container is promised.
pub(crate) fn requested<'c>(container: &'c Container, what: &str) -> Option<&'c str> {
    of(container.resources.as_ref()?.requests.as_ref(), what)
}

/// What a container may take.
pub(crate) fn limited<'c>(container: &'c Container, what: &str) -> Option<&'c str> {
    of(container.resources.as_ref()?.limits.as_ref(), what)
}

fn of<'c>(amounts: Option<&'c Amounts>, what: &str) -> Option<&'c str> {
    Some(amounts?.get(what)?.0.as_str())
}

#[test]
fn quantities_are_read() {
    assert_eq!(amount("128Mi"), 134_217_728);
    assert_eq!(millicores("250m"), 250);
    assert_eq!(millicores("2"), 2000);
}

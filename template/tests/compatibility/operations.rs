//! What of an operation a client relies on: that it is there, what it takes, what it answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Document, members};
use crate::schemas::{Comparison, Reader};

const METHODS: [&str; 8] = [
    "delete", "get", "head", "options", "patch", "post", "put", "trace",
];

/// Every way in which a client of the old document can fail with the new one.
pub(crate) fn breaks(old: &Document, new: &Document) -> Vec<String> {
    let by_template: BTreeMap<String, (&str, &Value)> = new
        .paths
        .iter()
        .map(|(path, item)| (template(path), (path.as_str(), item)))
        .collect();
    let mut comparison = Comparison::new(old, new);
    for (path, old_item) in &old.paths {
        let counterpart = by_template.get(&template(path));
        for (method, old_operation) in members(old_item).filter(|(name, _)| is_method(name)) {
            let place = format!("{} {path}", method.to_uppercase());
            let found = counterpart.map(|(path, item)| Operation {
                path,
                item,
                it: &item[method],
            });
            match found.filter(|new| new.it.is_object()) {
                Some(new) => {
                    let old = Operation {
                        path,
                        item: old_item,
                        it: old_operation,
                    };
                    operation(&mut comparison, &place, &old, &new);
                }
                None => comparison.found(&place, "is gone"),
            }
        }
    }
    comparison.breaks
}

/// An operation with what stands around it.
struct Operation<'d> {
    path: &'d str,
    item: &'d Value,
    it: &'d Value,
}

fn is_method(name: &str) -> bool {
    METHODS.contains(&name)
}

/// A path without the names of its parameters, which clients don't send.
fn template(path: &str) -> String {
    let segments = path.split('/');
    let nameless = segments.map(|segment| {
        if segment.starts_with('{') {
            "{}"
        } else {
            segment
        }
    });
    nameless.collect::<Vec<_>>().join("/")
}

fn operation(
    comparison: &mut Comparison<'_>,
    place: &str,
    old: &Operation<'_>,
    new: &Operation<'_>,
) {
    if new.it["security"] != old.it["security"] && new.it["security"].is_array() {
        comparison.found(place, "asks for other credentials");
    }
    parameters(comparison, place, old, new);
    body(
        comparison,
        place,
        &old.it["requestBody"],
        &new.it["requestBody"],
    );
    for (status, old_response) in members(&old.it["responses"]) {
        let place = format!("{place}, answer {status}");
        let new_response = &new.it["responses"][status];
        if new_response.is_object() {
            response(comparison, &place, old_response, new_response);
        } else if status.starts_with('2') {
            // Errors come and go: a client has to expect any.
            comparison.found(&place, "is gone");
        }
    }
}

/// Parameters by where they stand and what they are called; those of a path by their number.
fn by_name<'d>(operation: &Operation<'d>) -> BTreeMap<(String, String), &'d Value> {
    let of = |value: &'d Value| value["parameters"].as_array().into_iter().flatten();
    let placeholders: Vec<&str> = operation
        .path
        .split('/')
        .filter(|segment| segment.starts_with('{'))
        .collect();
    let all = of(operation.item).chain(of(operation.it));
    all.map(|parameter| {
        let place = parameter["in"].as_str().unwrap_or_default();
        let name = parameter["name"].as_str().unwrap_or_default();
        let number = placeholders
            .iter()
            .position(|placeholder| *placeholder == format!("{{{name}}}"));
        let name = match (place, number) {
            ("path", Some(number)) => number.to_string(),
            ("header", _) => name.to_lowercase(),
            _ => name.to_owned(),
        };
        ((place.to_owned(), name), parameter)
    })
    .collect()
}

fn parameters(
    comparison: &mut Comparison<'_>,
    place: &str,
    old: &Operation<'_>,
    new: &Operation<'_>,
) {
    let [old, new] = [old, new].map(by_name);
    for (key, old_parameter) in &old {
        let place = format!("{place}, {} parameter `{}`", key.0, name(old_parameter));
        let Some(new_parameter) = new.get(key) else {
            comparison.found(&place, "is gone");
            continue;
        };
        if is_required(new_parameter) && !is_required(old_parameter) {
            comparison.found(&place, "must be sent now");
        }
        for key in ["style", "explode", "content"] {
            if new_parameter[key] != old_parameter[key] {
                comparison.found(&place, "is written in another way");
            }
        }
        comparison.schema(
            &place,
            Reader::Service,
            &old_parameter["schema"],
            &new_parameter["schema"],
        );
    }
    for (key, parameter) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        if is_required(parameter) {
            let place = format!("{place}, {} parameter `{}`", key.0, name(parameter));
            comparison.found(&place, "is new, and must be sent");
        }
    }
}

fn name(parameter: &Value) -> &str {
    parameter["name"].as_str().unwrap_or_default()
}

fn is_required(value: &Value) -> bool {
    value["required"] == true
}

fn body(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    let place = format!("{place}, body");
    if old.is_object() && !new.is_object() {
        comparison.found(&place, "is gone");
    }
    if is_required(new) && !is_required(old) {
        comparison.found(&place, "must be sent now");
    }
    if new.is_object() {
        content(comparison, &place, Reader::Service, old, new);
    }
}

fn response(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    let (old, new) = (comparison.old.resolve(old), comparison.new.resolve(new));
    content(comparison, place, Reader::Client, old, new);
    for (header, old_header) in members(&old["headers"]) {
        let place = format!("{place}, header `{header}`");
        let same = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(header);
        match members(&new["headers"]).find(same) {
            Some((_, new)) => comparison.schema(
                &place,
                Reader::Client,
                &old_header["schema"],
                &new["schema"],
            ),
            None => comparison.found(&place, "is gone"),
        }
    }
}

fn content(comparison: &mut Comparison<'_>, place: &str, reader: Reader, old: &Value, new: &Value) {
    for (kind, old_content) in members(&old["content"]) {
        let place = format!("{place}, {kind}");
        match new["content"].get(kind) {
            Some(new) => comparison.schema(&place, reader, &old_content["schema"], &new["schema"]),
            None => comparison.found(&place, "is gone"),
        }
    }
}

//! What an API server has stored, beside what it was given.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The version of each object, by its kind and name.
pub(super) type Versions = BTreeMap<(String, String), String>;

fn text(value: &Value) -> Result<String> {
    let text = value.as_str().context("an object has no name")?;
    Ok(text.to_owned())
}

/// What tells an object from all others in its namespace.
pub(super) fn identity(object: &Value) -> Result<(String, String)> {
    Ok((text(&object["kind"])?, text(&object["metadata"]["name"])?))
}

/// The versions of objects; each change of one makes another.
pub(super) fn versions(objects: &[Value]) -> Result<Versions> {
    let version = |object: &Value| {
        let version = text(&object["metadata"]["resourceVersion"])?;
        Ok((identity(object)?, version))
    };
    objects.iter().map(version).collect()
}

/// What came about since `before`, such as `Job is new`.
pub(super) fn changes(before: &Versions, after: &Versions) -> Vec<String> {
    let change = |(identity, version): (&(String, String), &String)| {
        let (kind, _) = identity;
        match before.get(identity) {
            None => Some(format!("{kind} is new")),
            Some(old) if old != version => Some(format!("{kind} has changed")),
            Some(_) => None,
        }
    };
    after.iter().filter_map(change).collect()
}

/// The paths of what was given and is not stored as it was. What the server adds is its own business.
pub(super) fn lost(given: &Value, stored: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(given, stored, "", &mut found);
    found
}

fn compare(given: &Value, stored: &Value, path: &str, found: &mut Vec<String>) {
    match (given, stored) {
        (Value::Object(given), Value::Object(stored)) => {
            for (key, value) in given {
                let stored = stored.get(key).unwrap_or(&Value::Null);
                compare(value, stored, &format!("{path}.{key}"), found);
            }
        }
        (Value::Array(given), Value::Array(stored)) if given.len() == stored.len() => {
            for (index, (given, stored)) in given.iter().zip(stored).enumerate() {
                compare(given, stored, &format!("{path}[{index}]"), found);
            }
        }
        _ if given == stored => {}
        _ => found.push(format!("{path} was {given} and is {stored}")),
    }
}

/// Every value below a key of this name, wherever it stands.
pub(super) fn below<'v>(key: &str, value: &'v Value) -> Vec<&'v Value> {
    let inner: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(values) => values.iter().collect(),
        _ => Vec::new(),
    };
    let deeper = inner.into_iter().flat_map(|inner| below(key, inner));
    value.get(key).into_iter().chain(deeper).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_or_different_is_named_and_what_was_added_is_not() {
        let given = json!({ "spec": { "ports": [{ "port": 80, "name": "http" }], "gone": true } });
        let stored =
            json!({ "spec": { "ports": [{ "port": 81, "name": "http", "protocol": "TCP" }] } });
        let said = [
            ".spec.gone was true and is null",
            ".spec.ports[0].port was 80 and is 81",
        ];
        assert_eq!(lost(&given, &stored), said);
        assert_eq!(lost(&json!([1]), &json!([1, 2])), [" was [1] and is [1,2]"]);
    }

    #[test]
    fn another_version_is_a_change_and_an_unknown_name_is_new() {
        let object = |name: &str, version: &str| json!({ "kind": "Job", "metadata": { "name": name, "resourceVersion": version } });
        let before = versions(&[object("a", "1"), object("b", "2")]).unwrap();
        let after = versions(&[object("a", "1"), object("b", "3"), object("c", "4")]).unwrap();
        assert_eq!(changes(&before, &after), ["Job has changed", "Job is new"]);
    }

    #[test]
    fn values_are_found_at_any_depth() {
        let value = json!({ "a": { "x": 1 }, "b": [{ "x": { "x": 2 } }] });
        assert_eq!(
            below("x", &value),
            [&json!(1), &json!({ "x": 2 }), &json!(2)]
        );
    }
}

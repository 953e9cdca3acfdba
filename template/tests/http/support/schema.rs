//! As much of JSON Schema as the OpenAPI document uses: a value is compared with a schema of it.

use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with `value` by this schema of the document; nothing, if it is as promised. A keyword that is not known here is
/// wrong, too: it would otherwise promise what nobody checks.
pub(crate) fn check(value: &Value, schema: &Value, document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    visit(value, schema, document, "#", &mut problems);
    problems
}

fn visit(value: &Value, schema: &Value, document: &Value, at: &str, problems: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            problems.push(format!("{at}: nothing is allowed here"));
        }
        return;
    };
    for (keyword, rule) in keywords {
        if let Some(wrong) = broken(value, keyword, rule, keywords, document) {
            problems.push(format!("{at}: {value} {wrong}"));
        }
        let mut below = |value: &Value, schema: &Value, name: &str| {
            visit(value, schema, document, &format!("{at}{name}"), problems);
        };
        match keyword.as_str() {
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                below(value, document.pointer(target).unwrap(), "");
            }
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    below(value, one, "");
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    below(item, rule, &format!("/{index}"));
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        below(value, schema, &format!("/{name}"));
                    }
                }
            }
            "additionalProperties" if rule.is_object() => {
                for (name, value) in unknown(value, keywords) {
                    below(value, rule, &format!("/{name}"));
                }
            }
            _ => {}
        }
    }
}

/// Members that the schema has no property for.
fn unknown<'v>(
    value: &'v Value,
    keywords: &'v Map<String, Value>,
) -> impl Iterator<Item = (&'v String, &'v Value)> {
    let known = keywords.get("properties").and_then(Value::as_object);
    let members = value.as_object().into_iter().flatten();
    members.filter(move |(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
}

/// What is wrong with the value itself by this keyword; what is below it is visited in turn.
fn broken(
    value: &Value,
    keyword: &str,
    rule: &Value,
    keywords: &Map<String, Value>,
    document: &Value,
) -> Option<String> {
    let number = || Some((value.as_f64()?, rule.as_f64()?));
    let length = || {
        let text = value.as_str().map(|text| text.chars().count());
        let items = value.as_array().map(Vec::len);
        Some((text.or(items)?, usize::try_from(rule.as_u64()?).ok()?))
    };
    let fits = match keyword {
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| has_type(value, one)),
            one => has_type(value, one),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => number().is_none_or(|(number, limit)| number >= limit),
        "maximum" => number().is_none_or(|(number, limit)| number <= limit),
        "minLength" | "minItems" => length().is_none_or(|(length, limit)| length >= limit),
        "maxLength" | "maxItems" => length().is_none_or(|(length, limit)| length <= limit),
        "format" => value
            .as_str()
            .is_none_or(|text| has_format(text, rule.as_str().unwrap())),
        "pattern" => value
            .as_str()
            .is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "required" => {
            let mut names = rule.as_array().unwrap().iter();
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || names.all(has)
        }
        "additionalProperties" if rule == &Value::Bool(false) => {
            unknown(value, keywords).next().is_none()
        }
        "oneOf" | "anyOf" => {
            let fits = |one: &&Value| check(value, one, document).is_empty();
            let count = rule.as_array().unwrap().iter().filter(fits).count();
            count == 1 || (count > 1 && keyword == "anyOf")
        }
        "$ref"
        | "allOf"
        | "items"
        | "properties"
        | "additionalProperties"
        | "title"
        | "description"
        | "example"
        | "examples"
        | "default"
        | "deprecated"
        | "propertyNames"
        | "uniqueItems"
        | "readOnly"
        | "writeOnly" => true,
        _ => {
            return Some(format!(
                "has a schema with {keyword}, which is not checked here"
            ));
        }
    };
    (!fits).then(|| format!("breaks {keyword} {rule}"))
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other} in JSON Schema"),
    }
}

/// Formats that are not known here only inform people.
fn has_format(text: &str, format: &str) -> bool {
    match format {
        "uuid" => uuid::Uuid::try_parse(text).is_ok(),
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "email" => text.contains('@'),
        "uri-reference" => text.parse::<axum::http::Uri>().is_ok(),
        _ => true,
    }
}

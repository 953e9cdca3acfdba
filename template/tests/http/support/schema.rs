//! As much of JSON Schema as the OpenAPI document uses: a value is compared with a schema of it.

use serde_json::Value;

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
    let mut wrong = |what: String| problems.push(format!("{at}: {value} {what}"));
    for (keyword, rule) in keywords {
        let number = |rule: &Value| rule.as_f64().unwrap();
        match keyword.as_str() {
            "type" => {
                let fits = match rule {
                    Value::Array(types) => types.iter().any(|one| has_type(value, one)),
                    one => has_type(value, one),
                };
                if !fits {
                    wrong(format!("is no {rule}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                wrong(format!("is none of {rule}"));
            }
            "minimum" if value.as_f64().is_some_and(|value| value < number(rule)) => {
                wrong(format!("is less than {rule}"));
            }
            "maximum" if value.as_f64().is_some_and(|value| value > number(rule)) => {
                wrong(format!("is more than {rule}"));
            }
            "minLength" | "maxLength" => {
                let length = value.as_str().map(|text| text.chars().count() as u64);
                let limit = rule.as_u64().unwrap();
                if length.is_some_and(|length| match keyword.as_str() {
                    "minLength" => length < limit,
                    _ => length > limit,
                }) {
                    wrong(format!("breaks {keyword} {rule}"));
                }
            }
            "minItems" | "maxItems" => {
                let length = value.as_array().map(|items| items.len() as u64);
                let limit = rule.as_u64().unwrap();
                if length.is_some_and(|length| match keyword.as_str() {
                    "minItems" => length < limit,
                    _ => length > limit,
                }) {
                    wrong(format!("breaks {keyword} {rule}"));
                }
            }
            "format" => {
                if let (Some(text), Some(format)) = (value.as_str(), rule.as_str())
                    && !has_format(text, format)
                {
                    wrong(format!("has not the format {format}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.as_object().is_some_and(|value| !value.contains_key(name)) {
                        wrong(format!("has no {name}"));
                    }
                }
            }
            "additionalProperties" if rule == &Value::Bool(false) => {
                let known = keywords.get("properties").and_then(Value::as_object);
                for name in value.as_object().into_iter().flat_map(|value| value.keys()) {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        wrong(format!("has {name}, which is unknown"));
                    }
                }
            }
            "oneOf" | "anyOf" => {
                let fits = |one: &&Value| check(value, one, document).is_empty();
                let count = rule.as_array().unwrap().iter().filter(fits).count();
                if count == 0 || (keyword == "oneOf" && count > 1) {
                    wrong(format!("fits {count} of {keyword} {rule}"));
                }
            }
            _ => {}
        }
    }
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                visit(value, document.pointer(target).unwrap(), document, at, problems);
            }
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    visit(value, one, document, at, problems);
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    visit(item, rule, document, &format!("{at}/{index}"), problems);
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        visit(value, schema, document, &format!("{at}/{name}"), problems);
                    }
                }
            }
            "additionalProperties" if rule.is_object() => {
                let known = keywords.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        visit(value, rule, document, &format!("{at}/{name}"), problems);
                    }
                }
            }
            "type" | "enum" | "minimum" | "maximum" | "minLength" | "maxLength" | "minItems"
            | "maxItems" | "format" | "required" | "additionalProperties" | "oneOf" | "anyOf"
            | "title" | "description" | "example" | "examples" | "default" | "deprecated"
            | "propertyNames" | "pattern" | "uniqueItems" | "readOnly" | "writeOnly" => {}
            unknown => problems.push(format!("{at}: the keyword {unknown} is not checked here")),
        }
    }
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

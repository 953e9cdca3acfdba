//! What `validator` finds, in the words and places of problem documents.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::core::http::error::{AppError, FieldError};

/// The refusal of a body, with pointers to its fields, all at once.
pub(super) fn of_body(errors: &ValidationErrors, body: &[u8]) -> AppError {
    let sent = serde_json::from_slice(body).unwrap_or_default();
    let found = collect(errors, &sent).into_iter();
    AppError::validation(
        found
            .map(|(pointer, detail)| FieldError::pointer(pointer, detail))
            .collect(),
    )
}

/// The refusal of path, query and header parameters by name, all at once.
pub(super) fn of_parameters(
    errors: &ValidationErrors,
    sent: impl Iterator<Item: Into<String>>,
) -> AppError {
    let sent = sent.map(|name| (name.into(), Value::Null)).collect();
    let found = collect(errors, &Value::Object(sent)).into_iter();
    let found = found.map(|(pointer, detail)| {
        // Parameters are flat: the last part of the pointer is the name.
        let name = pointer.rsplit('/').next().unwrap_or_default();
        FieldError::parameter(name, detail)
    });
    AppError::parameters(found.collect())
}

/// What the client calls this field. `validator` knows the field's name in Rust only, so the one that was sent is looked for, regardless of
/// case and of what is between the words: that finds what `rename_all` made of it. (A `rename` to quite another word is not found.)
fn sent_name<'s>(field: &'s str, sent: &'s Value) -> &'s str {
    let field = field.strip_prefix("r#").unwrap_or(field);
    let letters = |name: &'s str| {
        let letters = name.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase)
    };
    match sent.as_object() {
        Some(object) if !object.contains_key(field) => {
            let mut names = object.keys();
            names
                .find(|name| letters(name).eq(letters(field)))
                .map_or(field, String::as_str)
        }
        _ => field,
    }
}

/// Adds a part to a pointer (RFC 6901 §3 and §6).
pub(super) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for byte in segment.bytes() {
        match byte {
            b'~' => pointer.push_str("~0"),
            b'/' => pointer.push_str("~1"),
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@' => {
                pointer.push(char::from(byte));
            }
            _ => {
                let _ = write!(pointer, "%{byte:02X}");
            }
        }
    }
}

/// Pointer and message of everything found, sorted by pointer, since the maps have no order.
fn collect(errors: &ValidationErrors, sent: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    descend(errors, "#", sent, &mut found);
    found.sort();
    found
}

/// `validator`'s names for what is about the whole struct, and for the elements of a list that is a whole body.
const WHOLE: [&str; 2] = ["__all__", "_tmp_validator"];

fn descend(errors: &ValidationErrors, at: &str, sent: &Value, found: &mut Vec<(String, String)>) {
    for (field, kind) in errors.errors() {
        let mut pointer = at.to_owned();
        let mut sent = sent;
        if !WHOLE.contains(&field.as_ref()) {
            let name = sent_name(field, sent);
            push_segment(&mut pointer, name);
            // Null where nothing was sent.
            sent = &sent[name];
        }
        match kind {
            ValidationErrorsKind::Struct(errors) => descend(errors, &pointer, sent, found),
            ValidationErrorsKind::List(elements) => {
                for (index, errors) in elements {
                    descend(errors, &format!("{pointer}/{index}"), &sent[*index], found);
                }
            }
            ValidationErrorsKind::Field(errors) => {
                let details = errors.iter().map(|error| (pointer.clone(), detail(error)));
                found.extend(details);
            }
        }
    }
}

/// What is wrong, so that it reads on from the field's name. A `message` at the field goes before our words.
fn detail(error: &ValidationError) -> String {
    if let Some(message) = &error.message {
        return message.clone().into_owned();
    }
    let parameter = |name: &str| error.params.get(name).map(text);
    let bounds = |unit: &str| {
        let said = match (parameter("min"), parameter("max"), parameter("equal")) {
            (_, _, Some(equal)) => format!("must be {equal}{unit}"),
            (Some(min), Some(max), None) => format!("must be {min} to {max}{unit}"),
            (Some(min), None, None) => format!("must be at least {min}{unit}"),
            (None, Some(max), None) => format!("must be at most {max}{unit}"),
            (None, None, None) => return exclusive(&error.params),
        };
        Some(said)
    };
    let said = match error.code.as_ref() {
        "length" if error.params.get("value").is_some_and(Value::is_array) => bounds(" items"),
        "length" => bounds(" characters"),
        "range" => bounds("").map(|said| match parameter("value") {
            Some(value) => format!("{said}, was {value}"),
            None => said,
        }),
        "email" => Some("is no e-mail address".to_owned()),
        "url" => Some("is no URL".to_owned()),
        "required" => Some("is missing".to_owned()),
        "contains" => parameter("needle").map(|needle| format!("must contain `{needle}`")),
        "does_not_contain" => {
            parameter("needle").map(|needle| format!("must not contain `{needle}`"))
        }
        "must_match" => parameter("other").map(|other| format!("must be the same as `{other}`")),
        "regex" => Some("has not the form that is asked for".to_owned()),
        _ => None,
    };
    said.unwrap_or_else(|| format!("is not valid ({})", error.code))
}

fn exclusive(params: &HashMap<Cow<'static, str>, Value>) -> Option<String> {
    let bound = |name: &str| params.get(name).map(text);
    match (bound("exclusive_min"), bound("exclusive_max")) {
        (Some(min), Some(max)) => Some(format!("must be more than {min} and less than {max}")),
        (Some(min), None) => Some(format!("must be more than {min}")),
        (None, Some(max)) => Some(format!("must be less than {max}")),
        (None, None) => None,
    }
}

/// A value as people write it: bounds come as floats, `150.0`.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let number = number.to_string();
            number
                .strip_suffix(".0")
                .map_or(number.clone(), str::to_owned)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use validator::Validate;

    use super::*;

    #[derive(Validate)]
    struct Order {
        #[validate(email)]
        email: String,
        #[validate(nested, length(max = 2))]
        lines: Vec<Line>,
    }

    #[derive(Validate, serde::Serialize)]
    struct Line {
        #[validate(range(min = 1, max = 100))]
        quantity: u32,
        #[validate(length(min = 1, max = 5))]
        note: String,
    }

    fn line(quantity: u32, note: &str) -> Line {
        Line {
            quantity,
            note: note.to_owned(),
        }
    }

    #[test]
    fn everything_found_has_its_pointer() {
        let order = Order {
            email: "nobody".to_owned(),
            lines: vec![line(1, "ok"), line(0, "much too long")],
        };
        assert_eq!(
            collect(&order.validate().unwrap_err(), &Value::Null),
            [
                ("#/email", "is no e-mail address"),
                ("#/lines/1/note", "must be 1 to 5 characters"),
                ("#/lines/1/quantity", "must be 1 to 100, was 0"),
            ]
            .map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
        );
    }

    #[test]
    fn a_list_as_the_whole_body_is_pointed_into() {
        let lines = vec![line(1, "ok"), line(101, "ok")];
        let found = collect(&lines.validate().unwrap_err(), &Value::Null);
        assert_eq!(found[0].0, "#/1/quantity");
    }

    #[derive(Validate, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parcel {
        #[validate(range(max = 30))]
        max_weight: u32,
        #[validate(nested)]
        sent_to: Address,
    }

    #[derive(Validate, serde::Deserialize)]
    #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
    struct Address {
        #[validate(length(min = 1))]
        street_1: String,
        #[validate(length(min = 1))]
        r#type: String,
    }

    #[test]
    fn a_field_is_called_as_it_was_sent() {
        let sent = json!({ "maxWeight": 31, "sentTo": { "STREET-1": "", "TYPE": "" } });
        let parcel: Parcel = serde_json::from_value(sent.clone()).unwrap();
        let errors = parcel.validate().unwrap_err();
        let found = collect(&errors, &sent).into_iter();
        let pointers: Vec<_> = found.map(|(pointer, _)| pointer).collect();
        assert_eq!(
            pointers,
            ["#/maxWeight", "#/sentTo/STREET-1", "#/sentTo/TYPE"]
        );
        let absent = collect(&errors, &Value::Null);
        assert_eq!(absent[2].0, "#/sent_to/type");
    }

    #[test]
    fn pointers_are_escaped() {
        let mut pointer = String::from("#");
        push_segment(&mut pointer, "a/b~c d");
        assert_eq!(pointer, "#/a~1b~0c%20d");
    }
}

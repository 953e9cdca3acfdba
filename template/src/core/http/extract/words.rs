//! What `serde` says is made for programmers. Here it becomes a sentence that reads on from a field's name, as `validator`'s findings do.

/// Puts a message of `serde` into words; what a type says itself stays as it is.
pub(super) fn of_serde(message: &str) -> String {
    if let Some((found, expected)) = after(message, "invalid type: ", ", expected ") {
        let expected = kind(expected);
        // That it is a number is not what is wrong then.
        let found = if found.starts_with("floating") && expected.starts_with(WHOLE) {
            found_value(found)
        } else {
            found_kind(found)
        };
        return format!("must be {expected}, was {found}");
    }
    if let Some((found, expected)) = after(message, "invalid value: ", ", expected ") {
        return format!("must be {}, was {}", kind(expected), found_value(found));
    }
    if let Some(names) = message.strip_prefix("unknown variant ").map(known) {
        return format!("must be {}", one_of(&names));
    }
    if let Some(names) = message.strip_prefix("unknown field ").map(known) {
        return unknown(&names);
    }
    if message.starts_with("missing field") {
        return "is missing".to_owned();
    }
    if message.starts_with("duplicate field") {
        return "is given more than once".to_owned();
    }
    format!("is not valid: {message}")
}

/// What to say about a name that nobody reads.
pub(super) fn unknown(known: &[&str]) -> String {
    match known {
        [] => "is not known; there is none".to_owned(),
        _ => format!("is not known; there is {}", one_of(known)),
    }
}

/// Names as an enumeration.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}

/// What is between `start` and `separator`, and what follows. The last separator counts: a text that was sent may hold one.
fn after<'m>(message: &'m str, start: &str, separator: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(start)?.rsplit_once(separator)
}

/// The names in ticks, but for the first, which is the one that was sent.
fn known(message: &str) -> Vec<&str> {
    let (_, expected) = message.rsplit_once("expected ").unwrap_or_default();
    expected.split('`').skip(1).step_by(2).collect()
}

/// How the words for every whole number begin.
const WHOLE: &str = "a whole number";

/// What was expected: `serde` names Rust's types.
pub(super) fn kind(expected: &str) -> String {
    let named = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "u128" | "usize" => "a whole number, not negative",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        struct_ if struct_.starts_with("struct ") => "an object",
        other => return other.to_owned(),
    };
    named.to_owned()
}

/// What was found, without its value: that may be long, and the client has it.
fn found_kind(found: &str) -> &str {
    let word = found.split(' ').next().unwrap_or_default();
    match word {
        "string" | "character" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "a boolean",
        "sequence" => "a list",
        "map" => "an object",
        "null" | "unit" => "null",
        _ => found,
    }
}

/// What was found, with its value, if that is a number.
fn found_value(found: &str) -> &str {
    let value = found.split('`').nth(1);
    match value {
        Some(number) if number.parse::<f64>().is_ok() => number,
        _ => found_kind(found),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    #[expect(dead_code, reason = "it is only read into")]
    struct Example {
        count: u8,
        name: Option<String>,
        names: Option<Vec<String>>,
        colour: Option<Colour>,
        flag: Option<bool>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        DarkBlue,
    }

    #[track_caller]
    fn said(json: &str) -> String {
        let error = serde_json::from_str::<Example>(json).unwrap_err();
        let error = error.to_string();
        of_serde(error.split(" at line ").next().unwrap())
    }

    #[test]
    fn what_serde_says_reads_on_from_the_field() {
        assert_eq!(
            said(r#"{"count": "a, expected b"}"#),
            "must be a whole number from 0 to 255, was a text"
        );
        assert_eq!(
            said(r#"{"count": 300}"#),
            "must be a whole number from 0 to 255, was 300"
        );
        assert_eq!(
            said(r#"{"count": 1.5}"#),
            "must be a whole number from 0 to 255, was 1.5"
        );
        assert_eq!(said(r#"{"name": 1.5}"#), "must be a text, was a number");
        assert_eq!(said(r#"{"names": {}}"#), "must be a list, was an object");
        assert_eq!(
            said(r#"{"flag": []}"#),
            "must be `true` or `false`, was a list"
        );
        assert_eq!(
            said(r#"{"colour": "green"}"#),
            "must be `red` or `dark_blue`"
        );
        assert_eq!(
            said(r#"{"x": 1}"#),
            "is not known; there is `count`, `name`, `names`, `colour` or `flag`"
        );
        assert_eq!(said("null"), "must be an object, was null");
        assert_eq!(said("{}"), "is missing");
        assert_eq!(
            said(r#"{"flag": true, "flag": true}"#),
            "is given more than once"
        );
    }
}

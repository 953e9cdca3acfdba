//! What two schemas promise: a service may accept more than before, and answer nothing else than before.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::document::{Document, members, reference};

/// Who reads what the schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    /// A parameter or a body: what was accepted still is.
    Service,
    /// An answer: what was promised still is.
    Client,
}

/// Keywords that are for people.
const FOR_PEOPLE: &str = "deprecated description example examples externalDocs title";
/// Keywords that are looked at below, beside the limits.
const COMPARED: &str = "$ref additionalProperties allOf anyOf default enum format items oneOf properties required type";
/// Limits that get stricter as they grow, and as they shrink.
const LOWER: [&str; 5] = [
    "exclusiveMinimum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
];
const UPPER: [&str; 5] = [
    "exclusiveMaximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
];

/// Two documents, and what was found so far.
pub(crate) struct Comparison<'d> {
    pub(crate) old: &'d Document,
    pub(crate) new: &'d Document,
    pub(crate) breaks: Vec<String>,
    /// Schemas that refer to each other are compared once.
    seen: HashSet<(Reader, String, String)>,
}

impl<'d> Comparison<'d> {
    pub(crate) fn new(old: &'d Document, new: &'d Document) -> Self {
        Self {
            old,
            new,
            breaks: Vec::new(),
            seen: HashSet::new(),
        }
    }

    pub(crate) fn found(&mut self, place: &str, what: &str) {
        self.breaks.push(format!("{place} {what}"));
    }

    /// Compares what stands in one place of both documents.
    pub(crate) fn schema(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        if let (Some(old), Some(new)) = (reference(old), reference(new))
            && !self.seen.insert((reader, old.to_owned(), new.to_owned()))
        {
            return;
        }
        let (old, new) = (self.old.resolve(old), self.new.resolve(new));
        if is_choice(old) || is_choice(new) {
            self.choice(place, reader, old, new);
            return;
        }
        match (old["allOf"].as_array(), new["allOf"].as_array()) {
            (None, None) => {}
            (Some(old), Some(new)) if old.len() == new.len() => {
                for (old, new) in old.iter().zip(new) {
                    self.schema(place, reader, old, new);
                }
            }
            _ => self.found(place, "is put together in another way"),
        }
        self.types(place, reader, old, new);
        self.values(place, reader, old, new);
        self.limits(place, reader, old, new);
        self.fields(place, reader, old, new);
        if old["items"].is_object() || new["items"].is_object() {
            self.schema(&format!("{place}[]"), reader, &old["items"], &new["items"]);
        }
        let keywords = members(old).chain(members(new)).map(|(keyword, _)| keyword);
        for keyword in keywords.collect::<BTreeSet<_>>() {
            if !is_understood(keyword) && old[keyword] != new[keyword] {
                self.found(place, &format!("has another `{keyword}`"));
            }
        }
    }

    /// Each alternative that was accepted still is; each that is answered already was.
    fn choice(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        let (old, new) = (alternatives(old), alternatives(new));
        let fits = |old: &Value, new: &Value| {
            let mut trial = Comparison {
                seen: self.seen.clone(),
                ..Comparison::new(self.old, self.new)
            };
            trial.schema(place, reader, old, new);
            trial.breaks.is_empty()
        };
        let holds = match reader {
            Reader::Service => old.iter().all(|old| new.iter().any(|new| fits(old, new))),
            Reader::Client => new.iter().all(|new| old.iter().any(|old| fits(old, new))),
        };
        if !holds {
            self.found(
                place,
                match reader {
                    Reader::Service => "no longer accepts one of its alternatives",
                    Reader::Client => "has an alternative that it hadn't",
                },
            );
        }
    }

    fn types(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        let (before, after) = (types(old), types(new));
        let (is_kept, verb) = match reader {
            Reader::Service => (covers(after.as_ref(), before.as_ref()), "has to be"),
            Reader::Client => (covers(before.as_ref(), after.as_ref()), "is"),
        };
        if !is_kept {
            self.found(
                place,
                &format!(
                    "{verb} {} now, was {}",
                    in_words(after.as_ref()),
                    in_words(before.as_ref())
                ),
            );
        }
    }

    fn values(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        let (before, after) = (&old["enum"], &new["enum"]);
        match reader {
            Reader::Service if after.is_array() && !before.is_array() => {
                self.found(place, "accepts some values only");
            }
            // A client has to expect a value that it doesn't know, but not every value there is.
            Reader::Client if before.is_array() && !after.is_array() => {
                self.found(place, "can have any value");
            }
            Reader::Service => {
                let still =
                    |value: &&Value| after.as_array().is_none_or(|after| after.contains(value));
                for gone in before
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|value| !still(value))
                {
                    self.found(place, &format!("no longer accepts {gone}"));
                }
            }
            Reader::Client => {}
        }
        let is_kept = match reader {
            Reader::Service => new["format"].is_null(),
            Reader::Client => old["format"].is_null(),
        };
        if !is_kept && old["format"] != new["format"] {
            self.found(
                place,
                &format!(
                    "has the format {} now, was {}",
                    new["format"], old["format"]
                ),
            );
        }
    }

    fn limits(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        if reader == Reader::Client {
            return; // what is answered within wider limits can still be read
        }
        let is_stricter = |keyword: &str, stricter: fn(f64, f64) -> bool| {
            let after = new[keyword].as_f64();
            after.is_some_and(|after| {
                old[keyword]
                    .as_f64()
                    .is_none_or(|before| stricter(after, before))
            })
        };
        let lower = LOWER
            .into_iter()
            .filter(|keyword| is_stricter(keyword, |after, before| after > before));
        let upper = UPPER
            .into_iter()
            .filter(|keyword| is_stricter(keyword, |after, before| after < before));
        let stricter: Vec<&str> = lower.chain(upper).collect();
        for keyword in stricter {
            self.found(
                place,
                &format!(
                    "is limited by `{keyword}`: {} now, was {}",
                    new[keyword], old[keyword]
                ),
            );
        }
        if !old["default"].is_null() && old["default"] != new["default"] {
            self.found(
                place,
                &format!(
                    "is {} now where it is not sent, was {}",
                    new["default"], old["default"]
                ),
            );
        }
    }

    fn fields(&mut self, place: &str, reader: Reader, old: &Value, new: &Value) {
        let required = |schema: &Value, name: &str| {
            let names = schema["required"].as_array();
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        for (name, old_field) in members(&old["properties"]) {
            let place = format!("{place}, field `{name}`");
            let Some(new_field) = new["properties"].get(name) else {
                self.found(&place, "is gone");
                continue;
            };
            match (reader, required(old, name), required(new, name)) {
                (Reader::Service, false, true) => self.found(&place, "must be sent now"),
                (Reader::Client, true, false) => self.found(&place, "can be absent now"),
                _ => {}
            }
            self.schema(&place, reader, old_field, new_field);
        }
        for (name, _) in members(&new["properties"]) {
            let is_new = old["properties"].get(name).is_none();
            if reader == Reader::Service && is_new && required(new, name) {
                self.found(
                    &format!("{place}, field `{name}`"),
                    "is new, and must be sent",
                );
            }
        }
        let (before, after) = (&old["additionalProperties"], &new["additionalProperties"]);
        if before.is_object() && after.is_object() {
            self.schema(&format!("{place}, other fields"), reader, before, after);
        } else if reader == Reader::Service && is_narrowing(before, after) {
            self.found(place, "no longer accepts other fields");
        }
    }
}

fn is_understood(keyword: &str) -> bool {
    let words = FOR_PEOPLE.split(' ').chain(COMPARED.split(' '));
    words
        .chain(LOWER)
        .chain(UPPER)
        .any(|known| known == keyword)
}

/// Whether fields that could be added to an object no longer can.
fn is_narrowing(before: &Value, after: &Value) -> bool {
    *before != false && (*after == false || (after.is_object() && !before.is_object()))
}

fn is_choice(schema: &Value) -> bool {
    schema["oneOf"].is_array() || schema["anyOf"].is_array()
}

/// The alternatives of a choice; a schema that is none has one.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let listed = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    listed.map_or_else(|| vec![schema], |all| all.iter().collect())
}

/// The types a schema names; none if it names no type, which is any.
fn types(schema: &Value) -> Option<BTreeSet<&str>> {
    match &schema["type"] {
        Value::String(one) => Some(BTreeSet::from([one.as_str()])),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn covers(wide: Option<&BTreeSet<&str>>, narrow: Option<&BTreeSet<&str>>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow
            .iter()
            .all(|kind| wide.contains(kind) || (*kind == "integer" && wide.contains("number"))),
    }
}

fn in_words(types: Option<&BTreeSet<&str>>) -> String {
    let names = types.map(|types| types.iter().copied().collect::<Vec<_>>());
    names.map_or_else(|| "anything".to_owned(), |names| names.join(" or "))
}

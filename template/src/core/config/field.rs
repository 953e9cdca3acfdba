use std::sync::LazyLock;

use schemars::Schema;
use serde_json::Value;

use super::{AppEnv, ConfigError, Defaults, Problem, SectionEntry};
use crate::core::registry::{self, RegistryError};

/// What a field's text is read as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    Secret,
    /// Values with commas between them.
    List,
    Bool,
    /// Smallest and largest that are accepted.
    Integer(Option<i128>, Option<i128>),
    Number,
    /// One of these words.
    Choice(Vec<String>),
    /// An IP address.
    Address,
    Url,
}

/// A key of the configuration, as its section's schema describes it.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The key, such as `DATABASE_POOL_MAX_SIZE`.
    pub(super) key: String,
    /// The struct's field, such as `pool_max_size`.
    pub(super) name: String,
    /// The field's doc comment.
    pub(super) doc: String,
    pub(super) kind: Kind,
    /// Whether the section can do without a value.
    pub(super) optional: bool,
    /// What it is if nobody sets it, in the order of [`AppEnv::ALL`].
    pub(super) defaults: [Option<String>; 4],
}

/// A section with its fields, in the order in which they are written in the struct.
pub(super) struct SectionFields {
    pub(super) entry: &'static SectionEntry,
    /// The struct's doc comment.
    pub(super) doc: String,
    pub(super) fields: Vec<Field>,
}

impl SectionFields {
    /// All sections that are registered.
    pub(super) fn all() -> Result<&'static [Self], ConfigError> {
        static ALL: LazyLock<Result<Vec<SectionFields>, RegistryError>> = LazyLock::new(|| {
            let entries = registry::entries::<SectionEntry>()?;
            if entries.is_empty() {
                let kind = <SectionEntry as registry::Entry>::KIND;
                return Err(RegistryError::Empty { kind });
            }
            Ok(entries.into_iter().map(SectionFields::of).collect())
        });
        ALL.as_deref()
            .map_err(|error| ConfigError::new(vec![Problem::new(error.to_string())]))
    }

    fn of(entry: &'static SectionEntry) -> Self {
        let schema = (entry.schema)();
        let defaults = AppEnv::ALL.map(entry.defaults);
        // The schema's properties are sorted by name; a reader wants them as they were written.
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &&str| {
            properties?
                .get(*name)
                .map(|property| (name.to_string(), property))
        };
        let fields = (entry.field_names)()
            .iter()
            .filter_map(property)
            .map(|(name, property)| Field::of(entry.prefix, &name, property, &schema, &defaults))
            .collect();
        Self {
            entry,
            doc: text(schema.get("description")),
            fields,
        }
    }
}

impl Field {
    fn of(
        prefix: &str,
        name: &str,
        property: &Value,
        section: &Schema,
        defaults: &[Defaults; 4],
    ) -> Self {
        let required = section.get("required").and_then(Value::as_array);
        Self {
            key: format!("{prefix}{}", name.to_ascii_uppercase()),
            name: name.to_owned(),
            doc: text(property.get("description")),
            kind: kind(property),
            optional: !required.is_some_and(|names| names.iter().any(|required| required == name)),
            defaults: defaults
                .each_ref()
                .map(|of_env| of_env.get(name).map(str::to_owned)),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    pub(super) fn default_in(&self, env: AppEnv) -> Option<&str> {
        self.defaults[env as usize].as_deref()
    }

    /// Whether any text would do, as far as the schema tells: if one doesn't, the type knows why.
    pub(super) fn has_words_of_its_own(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::List)
    }

    /// A value that can be read, to go on with where none is known.
    pub(super) fn any_value(&self) -> Option<String> {
        Some(match &self.kind {
            _ if self.optional => return None,
            Kind::Text | Kind::Secret | Kind::List => String::new(),
            Kind::Url => "http://127.0.0.1".to_owned(),
            Kind::Bool => false.to_string(),
            Kind::Integer(min, _) => min.unwrap_or_default().to_string(),
            Kind::Number => 0.to_string(),
            Kind::Choice(words) => words.first()?.clone(),
            Kind::Address => "127.0.0.1".to_owned(),
        })
    }

    /// What a value is counted in, told by the end of the name.
    pub(super) fn unit(&self) -> Option<&'static str> {
        let (_, end) = self.name.rsplit_once('_')?;
        Some(match end {
            "secs" => "seconds",
            "ms" => "milliseconds",
            "bytes" => "bytes",
            _ => return None,
        })
    }

    /// The doc comment's first sentence, without the full stop.
    pub(super) fn summary(&self) -> &str {
        let paragraph = self.doc.split("\n\n").next().unwrap_or_default();
        let sentence = paragraph
            .split_once(". ")
            .map_or(paragraph, |(first, _)| first);
        sentence.trim_end_matches('.')
    }

    /// What is accepted, to follow "must be" or "accepts".
    pub(super) fn accepted(&self) -> String {
        let unit = self
            .unit()
            .map(|unit| format!(" ({unit})"))
            .unwrap_or_default();
        match &self.kind {
            Kind::Text | Kind::Secret => "text".to_owned(),
            Kind::List => "values with commas between them".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer(Some(min), Some(max)) => {
                format!("a whole number from {min} to {max}{unit}")
            }
            Kind::Integer(Some(min), None) => format!("a whole number of at least {min}{unit}"),
            Kind::Integer(None, Some(max)) => format!("a whole number of at most {max}{unit}"),
            Kind::Integer(None, None) => format!("a whole number{unit}"),
            Kind::Number => format!("a number{unit}"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Address => "an IP address".to_owned(),
            Kind::Url => "a URL".to_owned(),
        }
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn kind(property: &Value) -> Kind {
    // An `Option` of something with a description or a choice is `anyOf: [it, null]`.
    let alternatives = property.get("anyOf").and_then(Value::as_array);
    if let Some(inner) = alternatives.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        return kind(inner);
    }
    if property["writeOnly"] == true {
        return Kind::Secret;
    }
    if let Some(words) = choice(property) {
        return Kind::Choice(words);
    }
    let types = match &property["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => Vec::from_iter(other.as_str()),
    };
    match (
        types.into_iter().find(|name| *name != "null"),
        property["format"].as_str(),
    ) {
        (Some("boolean"), _) => Kind::Bool,
        (Some("integer"), format) => {
            let bound = |name| property[name].as_i64().map(i128::from);
            let (min, max) = bounds(format.unwrap_or_default());
            Kind::Integer(bound("minimum").or(min), bound("maximum").or(max))
        }
        (Some("number"), _) => Kind::Number,
        (_, Some("comma-separated")) => Kind::List,
        (_, Some("ip" | "ipv4" | "ipv6")) => Kind::Address,
        (_, Some("uri")) => Kind::Url,
        _ => Kind::Text,
    }
}

/// The words of an enum without content: `enum` if its variants have no documentation, else one `const` for each.
fn choice(property: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = if let Some(words) = property["enum"].as_array() {
        words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    } else {
        let variants = property["oneOf"].as_array()?;
        variants
            .iter()
            .flat_map(|variant| {
                variant["const"]
                    .as_str()
                    .map(str::to_owned)
                    .into_iter()
                    .chain(choice(variant).into_iter().flatten())
            })
            .collect()
    };
    (!words.is_empty()).then_some(words)
}

fn bounds(format: &str) -> (Option<i128>, Option<i128>) {
    match format {
        "uint8" => (Some(0), Some(u8::MAX.into())),
        "uint16" => (Some(0), Some(u16::MAX.into())),
        "uint32" => (Some(0), Some(u32::MAX.into())),
        "uint" | "uint64" | "uint128" => (Some(0), None),
        "int8" => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        "int16" => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        "int32" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        _ => (None, None),
    }
}

use std::{borrow::Cow, fmt::Display, ops::Deref, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Several values in one setting, with commas between them. Spaces around a value don't count, and empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List<T = String>(Vec<T>);

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let values = text.split(',').map(str::trim);
        let values = values.filter(|value| !value.is_empty()).map(|value| {
            let refused = |error| D::Error::custom(format!("holds `{value}`: {error}"));
            value.parse().map_err(refused)
        });
        values.collect::<Result<_, _>>().map(Self)
    }
}

impl<T> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        "List".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "comma-separated" })
    }

    fn inline_schema() -> bool {
        true
    }
}

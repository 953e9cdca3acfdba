use std::{any::Any, fmt};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use validator::Validate;

use super::{AppEnv, check::Checks, read::Reader};
use crate::core::registry::{Entry, Origin};

/// One part of the configuration: a struct whose fields are keys that share a prefix.
///
/// A field `pool_max_size` of a section with the prefix `DATABASE_` is the key `DATABASE_POOL_MAX_SIZE`. Its doc comment is what
/// the configuration reference says about it, and its type is what a value is read as. A field that is no `Option` needs a
/// default or must be set.
pub trait Section:
    fmt::Debug + DeserializeOwned + Validate + JsonSchema + Send + Sync + 'static
{
    /// The values of fields that no source sets. They are the lowest layer, so the policy of an environment holds without files.
    fn defaults(env: AppEnv) -> Defaults;

    /// Rules between fields, and those of an environment. What is wrong is reported through `checks`.
    fn check(&self, env: AppEnv, checks: &mut Checks<'_, '_>) {
        let _ = (env, checks);
    }
}

/// A section's lowest layer: what its fields are if nobody sets them, as the text that would be written in a file.
#[derive(Clone, Debug, Default)]
pub struct Defaults(Vec<(&'static str, String)>);

impl Defaults {
    /// No defaults: every field is optional or must be set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the default of a field.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "`with(\"port\", 8080)` reads better than with a reference"
    )]
    pub fn with(mut self, field: &'static str, value: impl ToString) -> Self {
        self.0.push((field, value.to_string()));
        self
    }

    pub(super) fn get(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| value.as_str())
    }
}

/// A section that was read. `Any` gives it back as its type, `Debug` shows it.
pub(super) trait Loaded: Any + fmt::Debug + Send + Sync {}

impl<S: Section> Loaded for S {}

/// A registered [`Section`]; made by [`register_section!`](crate::register_section).
pub struct SectionEntry {
    pub(super) prefix: &'static str,
    pub(super) origin: Origin,
    pub(super) schema: fn() -> Schema,
    pub(super) field_names: fn() -> &'static [&'static str],
    pub(super) defaults: fn(AppEnv) -> Defaults,
    pub(super) read: fn(&mut Reader<'_, '_>) -> Option<Box<dyn Loaded>>,
}

impl SectionEntry {
    /// Describes the section `S` with this prefix, which ends in `_`.
    #[must_use]
    pub const fn of<S: Section>(prefix: &'static str, origin: Origin) -> Self {
        Self {
            prefix,
            origin,
            schema: schema::<S>,
            field_names: field_names::<S>,
            defaults: S::defaults,
            read: |reader| {
                reader
                    .read::<S>()
                    .map(|section| Box::new(section) as Box<dyn Loaded>)
            },
        }
    }

    /// The section in lower case, such as `http_client`: how its page of the reference is called.
    pub(super) fn name(&self) -> String {
        self.prefix.trim_end_matches('_').to_ascii_lowercase()
    }
}

fn schema<S: Section>() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<S>()
}

/// The names of the struct's fields, as they are written: its `Deserialize` asks for them.
fn field_names<S: Section>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It fails for sure, there is nothing to be read; the names have been asked for by then.
    let _ = S::deserialize(FieldNames(&mut names));
    names
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only the names are wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

inventory::collect!(SectionEntry);

impl Entry for SectionEntry {
    const KIND: &'static str = "section of the configuration";

    fn key(&self) -> String {
        self.prefix.to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Registers a [`Section`](crate::core::config::Section) under the prefix of its keys: `register_section! { "DATABASE_":
/// DatabaseConfig }`.
#[macro_export]
macro_rules! register_section {
    ($prefix:literal : $section:ty $(;)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::config::SectionEntry::of::<$section>($prefix, $crate::origin!())
        }
    };
}

//! Reading a struct from named texts, as queries and headers have them: each value by the type of its field.

use std::borrow::Cow;

use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::words::{one_of, unknown};
use crate::core::http::error::FieldError;

/// The error of reading texts. What `serde` says is made for programmers, so each kind is put into words here.
#[derive(Debug)]
pub(super) enum TextError {
    /// About the value of the field that is being read.
    Value(String),
    /// About the field of this name.
    Field(String, String),
}

impl std::fmt::Display for TextError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(detail) => f.write_str(detail),
            Self::Field(name, detail) => write!(f, "{name} {detail}"),
        }
    }
}

impl std::error::Error for TextError {}

impl de::Error for TextError {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self::Value(format!("is not valid: {message}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Value(format!("must be {}", one_of(expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Field(field.to_owned(), unknown(expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Field(field.to_owned(), "is missing".to_owned())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Field(field.to_owned(), "is given more than once".to_owned())
    }
}

/// What becomes of a text that no field of the type reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is refused, whether or not the type says `deny_unknown_fields` (which makes the message better).
    Refused,
    /// It is left alone.
    Ignored,
}

/// Reads `T` from named texts.
pub(super) fn from_pairs<'t, T: DeserializeOwned>(
    pairs: impl Iterator<Item = (Cow<'t, str>, Cow<'t, str>)>,
    unread: Unread,
) -> Result<T, FieldError> {
    let pairs = pairs.map(|(name, value)| (Text(name, unread), Text(value, unread)));
    serde_path_to_error::deserialize(MapDeserializer::new(pairs)).map_err(|error| {
        let place = error.path().to_string();
        match error.into_inner() {
            TextError::Value(detail) => FieldError::parameter(place, detail),
            TextError::Field(name, detail) => FieldError::parameter(name, detail),
        }
    })
}

/// One text, which becomes what is asked for.
struct Text<'t>(Cow<'t, str>, Unread);

impl IntoDeserializer<'_, TextError> for Text<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident, $visit:ident, $expected:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(TextError::Value(format!("must be {}, was `{}`", $expected, self.0))),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = TextError;

    parsed! {
        deserialize_bool, visit_bool, "`true` or `false`";
        deserialize_i8, visit_i8, "a whole number from -128 to 127";
        deserialize_i16, visit_i16, "a whole number from -32768 to 32767";
        deserialize_i32, visit_i32, "a whole number of at most 31 bits";
        deserialize_i64, visit_i64, "a whole number of at most 63 bits";
        deserialize_u8, visit_u8, "a whole number from 0 to 255";
        deserialize_u16, visit_u16, "a whole number from 0 to 65535";
        deserialize_u32, visit_u32, "a whole number, not negative, of at most 32 bits";
        deserialize_u64, visit_u64, "a whole number, not negative, of at most 64 bits";
        deserialize_f32, visit_f32, "a number";
        deserialize_f64, visit_f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    /// `serde` asks for nothing of a value whose name no field has.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.1 {
            Unread::Refused => Err(TextError::Value("is not known".to_owned())),
            Unread::Ignored => visitor.visit_unit(),
        }
    }

    serde::forward_to_deserialize_any! {
        char str string unit bytes byte_buf unit_struct tuple_struct struct identifier tuple seq map
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        DarkBlue,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Example {
        count: Option<u8>,
        colour: Option<Colour>,
        id: Option<Uuid>,
        name: Option<String>,
        flag: Option<bool>,
    }

    #[track_caller]
    fn read(pairs: &[(&str, &str)]) -> Result<Example, String> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        from_pairs(pairs, Unread::Refused)
            .map_err(|error: FieldError| format!("{} {}", error.parameter.unwrap(), error.detail))
    }

    #[test]
    fn values_are_read_by_the_type_of_their_field() {
        let read = read(&[
            ("count", "7"),
            ("colour", "dark_blue"),
            ("id", "0198c0de-7000-7abc-8def-0123456789ab"),
            ("name", "123"),
            ("flag", "true"),
        ]);
        let example = read.unwrap();
        assert_eq!(example.count, Some(7));
        assert_eq!(example.colour, Some(Colour::DarkBlue));
        assert_eq!(example.name.as_deref(), Some("123"));
        assert_eq!(example.flag, Some(true));
        assert!(example.id.is_some());
    }

    #[test]
    fn what_is_refused_is_named_and_explained() {
        let refused = |pairs| read(pairs).unwrap_err();
        assert_eq!(
            refused(&[("count", "many")]),
            "count must be a whole number from 0 to 255, was `many`"
        );
        assert_eq!(
            refused(&[("colour", "green")]),
            "colour must be `red` or `dark_blue`"
        );
        assert_eq!(
            refused(&[("flag", "yes")]),
            "flag must be `true` or `false`, was `yes`"
        );
        assert!(refused(&[("id", "17")]).starts_with("id is not valid: UUID"));
        assert_eq!(
            refused(&[("cuont", "1")]),
            "cuont is not known; there is `count`, `colour`, `id`, `name` or `flag`"
        );
        assert_eq!(
            refused(&[("count", "1"), ("count", "2")]),
            "count is given more than once"
        );
    }

    #[derive(Debug, Deserialize)]
    struct Lenient {
        #[expect(dead_code, reason = "it is only read into")]
        count: Option<u8>,
    }

    #[test]
    fn what_no_field_reads_is_refused_or_ignored_as_asked_for() {
        let read = |unread| {
            let pairs = [("cuont".into(), "1".into())];
            from_pairs::<Lenient>(pairs.into_iter(), unread)
        };
        let refused = read(Unread::Refused).unwrap_err();
        assert_eq!(refused, FieldError::parameter("cuont", "is not known"));
        assert!(read(Unread::Ignored).is_ok());
    }
}

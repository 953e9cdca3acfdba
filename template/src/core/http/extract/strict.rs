//! JSON as its schema speaks of it: an object is no list, and `39.0` is a whole number.
//!
//! `serde` reads a struct from a list as well, by the order of its fields, and `serde_json` reads a whole number only from digits. Both
//! are decided by what a type asks for, so this stands between the type and `serde_json`, down to the last value. It costs next to nothing: all of it
//! is inlined. What `serde` itself puts aside first (`flatten`, `untagged` and internally tagged enums) does not ask here.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Wraps whatever takes part in reading: the source of values, what visits them, and the parts of a list, an object or an enum.
pub(super) struct Strict<T>(pub(super) T);

/// Methods that only hand on, with the visitor wrapped.
macro_rules! hand_on {
    ($($method:ident ( $($argument:ident: $type:ty),* );)+) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Strict(visitor))
        }
    )+};
}

/// Methods for whole numbers.
macro_rules! whole {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Whole(visitor))
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    /// Asks for an object: only that, where `deserialize_struct` would take a list, too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Strict(visitor))
    }

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    hand_on! {
        deserialize_any();
        deserialize_bool();
        deserialize_i128();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Visits that only hand on.
macro_rules! visited {
    ($($method:ident: $type:ty;)+) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visited! {
        visit_bool: bool;
        visit_i64: i64;
        visit_i128: i128;
        visit_u64: u64;
        visit_u128: u128;
        visit_f64: f64;
        visit_str: &str;
        visit_borrowed_str: &'de str;
        visit_string: String;
        visit_bytes: &[u8];
        visit_borrowed_bytes: &'de [u8];
        visit_byte_buf: Vec<u8>;
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(object))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Strict(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(value))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    /// A name is a text: there is nothing to be strict about.
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.0.variant_seed(seed)?;
        Ok((name, Strict(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Strict(visitor))
    }

    /// As what the variant has inside: `struct_variant` would take a list, too.
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.newtype_variant_seed(Fields(visitor))
    }
}

/// The fields of an enum's variant.
struct Fields<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Fields<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        value.deserialize_map(Strict(self.0))
    }
}

/// Visits a whole number, however it is written. What else comes is the visitor's to refuse.
struct Whole<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Whole<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visited! {
        visit_bool: bool;
        visit_i64: i64;
        visit_u64: u64;
        visit_str: &str;
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<V::Value, E> {
        /// Up to 15 digits `serde_json`'s double tells which whole number was written.
        const EXACT: f64 = 1e15;
        if number.fract() != 0.0 || number.abs() >= EXACT {
            return self.0.visit_f64(number);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it has no fraction and is small enough"
        )]
        self.0.visit_i64(number as i64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Point {
        x: i8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Wrapped(Point);

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Nothing,
        Dot(Point),
        Box { width: u64 },
        Line(i8, i8),
    }

    fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
        let mut json = serde_json::Deserializer::from_str(json);
        T::deserialize(Strict(&mut json)).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_else_is_read_as_ever() {
        assert_eq!(read::<Point>(r#"{"x": 1}"#), Ok(Point { x: 1 }));
        assert_eq!(read::<Wrapped>(r#"{"x": 1}"#), Ok(Wrapped(Point { x: 1 })));
        assert_eq!(
            read::<(Option<bool>, String, f64, char)>(r#"[null, "a\n", 1, "x"]"#),
            Ok((None, "a\n".to_owned(), 1.0, 'x'))
        );
        let map = read::<BTreeMap<i8, Vec<Point>>>(r#"{"7": [{"x": 1}]}"#).unwrap();
        assert_eq!(map[&7], [Point { x: 1 }]);
        assert_eq!(read::<Shape>("\"nothing\""), Ok(Shape::Nothing));
        assert_eq!(
            read::<Shape>(r#"{"dot": {"x": 1}}"#),
            Ok(Shape::Dot(Point { x: 1 }))
        );
        assert_eq!(
            read::<Shape>(r#"{"box": {"width": 1}}"#),
            Ok(Shape::Box { width: 1 })
        );
        assert_eq!(read::<Shape>(r#"{"line": [1, 2]}"#), Ok(Shape::Line(1, 2)));
        let value = r#"{"a":[1,1.5,null,{"b":"c"}]}"#;
        assert_eq!(read::<serde_json::Value>(value).unwrap().to_string(), value);
    }

    #[test]
    fn a_struct_is_never_read_from_a_list() {
        #[track_caller]
        fn refused<T: DeserializeOwned + fmt::Debug>(json: &str) {
            let error = read::<T>(json).unwrap_err();
            assert!(error.starts_with("invalid type: sequence"), "{error}");
        }
        refused::<Point>("[1]");
        refused::<Wrapped>("[1]");
        refused::<Option<Point>>("[1]");
        refused::<Vec<Point>>("[[1]]");
        refused::<(Point,)>("[[1]]");
        refused::<BTreeMap<String, Point>>(r#"{"a": [1]}"#);
        refused::<Shape>(r#"{"dot": [1]}"#);
        refused::<Shape>(r#"{"box": [1]}"#);
    }

    #[test]
    fn a_whole_number_is_read_however_it_is_written() {
        assert_eq!(read::<i32>("39.0"), Ok(39));
        assert_eq!(read::<i32>("-2e3"), Ok(-2000));
        assert_eq!(read::<u8>("-0.0"), Ok(0));
        assert_eq!(read::<i64>("-999999999999999.0"), Ok(-999_999_999_999_999));
        assert_eq!(read::<u64>("18446744073709551615"), Ok(u64::MAX));
        for (json, why) in [
            ("39.5", "invalid type: floating point `39.5`"),
            ("1e300", "invalid type: floating point `1e+300`"),
            ("256.0", "invalid value: integer `256`"),
            ("-1.0", "invalid value: integer `-1`"),
            ("\"1\"", "invalid type: string"),
            ("null", "invalid type: null"),
        ] {
            let error = read::<u8>(json).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
        assert!(read::<i64>("1000000000000000.0").is_err());
    }
}

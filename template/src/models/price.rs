//! An amount of money, as products and the lines of orders have it.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use sea_orm::DeriveValueType;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// An amount of money: never negative, at most 15 significant digits, at most 4 of them behind the point.
///
/// 15 digits are what a double keeps, and SQLite has nothing else to store a decimal in. On the wire it goes out as a string,
/// without zeros at its end: PostgreSQL and SQLite keep different numbers of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, DeriveValueType)]
#[sea_orm(column_type = "Decimal(Some((19, 4)))")]
pub struct Price(Decimal);

/// Why something is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// No digits, or something beside them.
    #[error("must be a number, or a string like \"19.90\"")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More digits than a double keeps.
    #[error("must have at most 15 significant digits")]
    TooManyDigits,
    /// More decimals than the column has.
    #[error("must have at most 4 decimals")]
    TooManyDecimals,
}

impl Price {
    const DIGITS: usize = 15;
    const DECIMALS: u32 = 4;

    /// The amount, without zeros at its end.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.0.normalize()
    }
}

impl TryFrom<Decimal> for Price {
    type Error = PriceError;

    fn try_from(amount: Decimal) -> Result<Self, PriceError> {
        let amount = amount.normalize();
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(PriceError::Negative);
        }
        if amount.scale() > Self::DECIMALS {
            return Err(PriceError::TooManyDecimals);
        }
        // Zeros at the end of a whole number are no significant digits, but a reader who counts digits counts them.
        if amount.mantissa().to_string().len() > Self::DIGITS {
            return Err(PriceError::TooManyDigits);
        }
        Ok(Self(amount))
    }
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        // Decimal's own parser takes more than this: "1_000", ".5", "+1".
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) {
            return Err(PriceError::NotANumber);
        }
        Decimal::from_str_exact(text)
            .map_err(|_| PriceError::TooManyDigits)?
            .try_into()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.amount().fmt(f)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Price;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a string like \"19.90\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Price, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }

            // The shortest text that reads as this double is what the client wrote, if it wrote at most 15 digits.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Amount)
    }
}

impl ToSchema for Price {}

impl PartialSchema for Price {
    fn schema() -> RefOr<Schema> {
        RefOr::T(as_text().build().into())
    }
}

/// The schema of a price that comes in: a string or a number.
#[derive(Debug)]
pub struct PriceIn;

impl ToSchema for PriceIn {}

impl PartialSchema for PriceIn {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .minimum(Some(0.0))
            .maximum(Some(999_999_999_999_999.0))
            .multiple_of(Some(0.0001))
            .build();
        let schema = OneOfBuilder::new()
            .item(as_text().build())
            .item(number)
            .description(Some(
                "An amount of money, at most 15 significant digits, at most 4 of them decimals.",
            ))
            .examples([serde_json::json!("19.90"), serde_json::json!(19.9)])
            .build();
        RefOr::T(schema.into())
    }
}

fn as_text() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::Custom("decimal".to_owned())))
        .pattern(Some(r"^[0-9]{1,11}(\.[0-9]{1,4})?$"))
        .description(Some(
            "An amount of money, at most 15 significant digits, at most 4 of them decimals.",
        ))
        .examples([serde_json::json!("19.9")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(json: &str) -> Result<String, String> {
        serde_json::from_str::<Price>(json)
            .map(|price| price.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_price_is_read_from_a_number_and_from_a_string_and_loses_no_digit() {
        for (json, text) in [
            ("19.9", "19.9"),
            ("\"19.90\"", "19.9"),
            ("0", "0"),
            ("\"0.0001\"", "0.0001"),
            ("12345678901.2345", "12345678901.2345"),
            ("999999999999999", "999999999999999"),
            ("\"000.5000\"", "0.5"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(text), "{json}");
        }
    }

    #[test]
    fn a_price_with_too_many_digits_or_none_is_refused_with_a_reason() {
        for (json, reason) in [
            ("0.00001", "must have at most 4 decimals"),
            ("1e15", "must have at most 15 significant digits"),
            (
                "1234567890123456",
                "must have at most 15 significant digits",
            ),
            (
                "123456789012.3456",
                "must have at most 15 significant digits",
            ),
            ("1e300", "must have at most 15 significant digits"),
            ("-1", "must not be negative"),
            ("\"-0.01\"", "must not be negative"),
            ("\"1_000\"", "must be a number"),
            ("\".5\"", "must be a number"),
            ("\"\"", "must be a number"),
            ("\"NaN\"", "must be a number"),
            ("true", "expected a number, or a string"),
        ] {
            let answer = read(json).expect_err(json);
            assert!(answer.contains(reason), "{json}: {answer}");
        }
    }
}

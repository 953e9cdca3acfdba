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

/// An amount of money: never negative, at most 11 digits before the point and at most 4 behind it, so at most 99999999999.9999.
///
/// Together that is 15 digits, which a double keeps, and SQLite has nothing else to store a decimal in. In other words it is what a
/// NUMERIC(15, 4) holds; the column is wider, so that the rule stands in one place. On the wire a price goes out as a string, without zeros at its end: PostgreSQL and
/// SQLite keep different numbers of them.
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
    /// More than 99999999999.9999.
    #[error("must have at most 11 digits before the point")]
    TooManyDigits,
    /// More than 4 digits behind the point.
    #[error("must have at most 4 decimals")]
    TooManyDecimals,
}

impl Price {
    /// Digits before the point.
    const DIGITS: usize = 11;
    /// Digits behind the point.
    const DECIMALS: u32 = 4;
    /// The first amount that has one digit more before the point.
    const LIMIT: Decimal = Decimal::from_parts(1_215_752_192, 23, 0, false, 0);

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
        if amount >= Self::LIMIT {
            return Err(PriceError::TooManyDigits);
        }
        Ok(Self(amount))
    }
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        // Decimal's own parser takes more than this: "1_000", ".5", "+1". And digits are counted as they are written, zeros as well: that is a
        // rule which the pattern of the schema can say, too.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) {
            return Err(PriceError::NotANumber);
        }
        if digits.len() < text.len() {
            return Err(PriceError::Negative);
        }
        if whole.len() > Self::DIGITS {
            return Err(PriceError::TooManyDigits);
        }
        if decimals.len() > Self::DECIMALS as usize {
            return Err(PriceError::TooManyDecimals);
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

            // The shortest text that reads as this double is what the client wrote, if it wrote at most 15 digits. Adding zero makes
            // that of -0.0 the one of 0.0.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Price, E> {
                self.visit_str(&(number + 0.0).to_string())
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
            .maximum(Some(99_999_999_999.999_9))
            // No `multipleOf`: validators that divide doubles would refuse 19.9.
            .build();
        let schema = OneOfBuilder::new()
            .item(as_text().build())
            .item(number)
            .description(Some(RULE))
            .examples([serde_json::json!("19.90"), serde_json::json!(19.9)])
            .build();
        RefOr::T(schema.into())
    }
}

/// What the document tells people.
const RULE: &str =
    "An amount of money: at most 11 digits before the point and at most 4 decimals behind it.";

fn as_text() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::Custom("decimal".to_owned())))
        .pattern(Some(r"^[0-9]{1,11}(\.[0-9]{1,4})?$"))
        .description(Some(RULE))
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
            ("99999999999.9999", "99999999999.9999"),
            ("\"99999999999.9999\"", "99999999999.9999"),
            ("-0.0", "0"),
            ("\"000.5000\"", "0.5"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(text), "{json}");
        }
    }

    #[test]
    fn the_limit_has_one_digit_more_than_a_price_can_have() {
        assert_eq!(Price::LIMIT, Decimal::from(10_u64.pow(11)));
        assert!(Price::try_from(Price::LIMIT).is_err());
        assert!(Price::try_from(Decimal::new(999_999_999_999_999, 4)).is_ok());
    }

    #[test]
    fn a_price_with_too_many_digits_or_none_is_refused_with_a_reason() {
        for (json, reason) in [
            ("0.00001", "must have at most 4 decimals"),
            ("1.00001", "must have at most 4 decimals"),
            ("\"1.00000\"", "must have at most 4 decimals"),
            ("1e11", "must have at most 11 digits before the point"),
            (
                "\"000000000001\"",
                "must have at most 11 digits before the point",
            ),
            ("1e300", "must have at most 11 digits before the point"),
            ("-1", "must not be negative"),
            ("\"-0.01\"", "must not be negative"),
            ("\"-0\"", "must not be negative"),
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

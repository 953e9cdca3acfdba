//! What the models of all resources share: what an entity must have, and rules for the types that go over the wire.

use std::net::IpAddr;

use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait, PrimaryKeyTrait};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;
use validator::ValidationError;

/// An entity that the generic repository can work with: a UUID as its key, a version, a name for error messages.
///
/// The bounds stand here once. They are bounds of the supertrait, so code that is generic over an entity has them without
/// repeating them.
pub trait Record:
    EntityTrait<
        Model: ModelTrait<Entity = Self>
                   + IntoActiveModel<<Self as EntityTrait>::ActiveModel>
                   + Sync,
        ActiveModel: ActiveModelTrait<Entity = Self> + Send,
        PrimaryKey: PrimaryKeyTrait<ValueType = Uuid>,
    >
{
    /// What one of them is called in errors: "user".
    const NAME: &'static str;

    /// The key. UUIDs of version 7, made by the code: they grow with time, so new rows stay together in the index.
    const ID: Self::Column;

    /// Counts the changes of a row, from 1. It goes out as the `ETag`.
    const VERSION: Self::Column;

    /// Unique indexes, and the columns by which people know them. Databases name one or the other, and of an index on an
    /// expression (`lower(email)`) no column at all; with this, an error says "email".
    const UNIQUE: &'static [(&'static str, &'static [&'static str])] = &[];
}

/// The version of a row that was never changed.
pub const FIRST_VERSION: i64 = 1;

/// For the fields of a `…Patch`, with `#[serde(default)]`: a field that is there is `Some`, also when it is `null`.
///
/// serde reads an absent field and a `null` alike as `None`, but in a PATCH they are different requests. With this, an
/// `Option<T>` refuses `null` (the field is required and can't be cleared), and an `Option<Option<T>>` takes it for "clear".
///
/// # Errors
///
/// The value is none of a `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A text of one line that says something: not blank, no control characters (PostgreSQL can't store U+0000 at all).
///
/// # Errors
///
/// What is wrong with it, for the answer's `errors`.
pub fn one_line(text: &str) -> Result<(), ValidationError> {
    if text.trim().is_empty() {
        return Err(refused("blank", "must not be blank"));
    }
    if text.chars().any(char::is_control) {
        return Err(refused(
            "control_characters",
            "must not contain line breaks or other control characters",
        ));
    }
    Ok(())
}

/// A text of several lines: of the control characters, only line breaks and tabs.
///
/// # Errors
///
/// What is wrong with it, for the answer's `errors`.
pub fn many_lines(text: &str) -> Result<(), ValidationError> {
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(refused(
            "control_characters",
            "must not contain control characters other than line breaks and tabs",
        ));
    }
    Ok(())
}

/// An e-mail address as HTML's forms have it, in ASCII: databases don't agree on the lower case of anything else, and with it on which
/// addresses are the same.
///
/// `validator`'s own `email` says the same with regular expressions: 13 000 instructions an address instead of 900.
///
/// # Errors
///
/// What is wrong with it, for the answer's `errors`.
pub fn email_address(text: &str) -> Result<(), ValidationError> {
    if !text.is_ascii() {
        return Err(refused(
            "ascii",
            "must be written in ASCII; a domain with other letters in its xn-- form",
        ));
    }
    match text.rsplit_once('@') {
        Some((name, domain)) if is_mailbox(name) && is_domain(domain) => Ok(()),
        _ => Err(ValidationError::new("email")),
    }
}

fn is_mailbox(name: &str) -> bool {
    let mut bytes = name.bytes();
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    (1..=64).contains(&name.len()) && bytes.all(is_allowed)
}

/// A domain's name, or an IP address in brackets.
fn is_domain(domain: &str) -> bool {
    let address = domain.strip_prefix('[');
    match address.and_then(|address| address.strip_suffix(']')) {
        Some(address) => address.parse::<IpAddr>().is_ok(),
        None => domain.len() <= 255 && domain.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    let mut bytes = label.bytes();
    (1..=63).contains(&label.len())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn refused(code: &'static str, message: &'static str) -> ValidationError {
    ValidationError::new(code).with_message(message.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use validator::ValidateEmail;

    use super::*;

    #[track_caller]
    fn judged_as_validator_does(address: &str) {
        assert_eq!(
            email_address(address).is_ok(),
            address.validate_email(),
            "{address}"
        );
    }

    #[test]
    fn addresses_are_judged_as_validator_does() {
        let (name, label) = ("n".repeat(64), "l".repeat(63));
        for address in [
            "ada@example.com",
            "a@b",
            "o'hara+list@a-b.example",
            "a@b@c",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@[::1",
            "a@[300.0.0.1]",
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a@b\n",
            &format!("{name}@{label}.{label}.{label}.{label}"),
            &format!("{name}n@{label}"),
            &format!("{name}@{label}l"),
            &format!("{name}@{label}.{label}.{label}.{label}.l"),
        ] {
            judged_as_validator_does(address);
        }
    }

    proptest! {
        #[test]
        fn any_address_is_judged_as_validator_does(address in "[a-c1@.+_-]{0,12}") {
            judged_as_validator_does(&address);
        }
    }
}

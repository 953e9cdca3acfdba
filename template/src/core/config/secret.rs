use std::{borrow::Cow, fmt, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{read::FieldValue, sources::text_of};

/// A value that is never shown: not by `Debug`, in an error, in a log or by `config explain`.
///
/// A `SecretString` that also says so in its schema. This is how everything that prints a setting knows what to redact; a field
/// of type `SecretString` would need an attribute for it, which could be forgotten.
///
/// It knows the file of the secrets directory that it came from, so that it can be [read again](Self::read_again).
#[derive(Clone, Deserialize)]
#[serde(from = "FieldValue")]
pub struct Secret {
    text: SecretString,
    file: Option<PathBuf>,
}

impl Secret {
    /// The secret in the type that libraries accept.
    #[must_use]
    pub fn to_secret_string(&self) -> SecretString {
        self.text.clone()
    }

    /// Whether it came from a file, the only place where it can change while the process runs.
    #[must_use]
    pub fn is_from_file(&self) -> bool {
        self.file.is_some()
    }

    /// What its file holds now; without a file, the same as ever.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, to follow the secret's name.
    pub fn read_again(&self) -> Result<Self, String> {
        let Some(file) = &self.file else {
            return Ok(self.clone());
        };
        Ok(Self {
            text: text_of(file)?.into(),
            file: Some(file.clone()),
        })
    }
}

impl From<FieldValue> for Secret {
    fn from(value: FieldValue) -> Self {
        let (text, file) = match value {
            FieldValue::Text(text) => (text, None),
            FieldValue::OfFile { text, file } => (text, Some(file)),
        };
        Self {
            text: text.into(),
            file,
        }
    }
}

impl ExposeSecret<str> for Secret {
    fn expose_secret(&self) -> &str {
        self.text.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            file: None,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What is wrong with a secret, in words that don't contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    /// Nothing was put there.
    Empty,
    /// It was never replaced by a real one.
    Placeholder,
    /// It could be guessed.
    Weak,
}

/// Shorter ones can be tried out: 12 characters of base64 are 72 bits.
const SHORTEST: usize = 12;

/// Words that stand where a secret should be put, compared without case and punctuation.
const PLACEHOLDERS: &[&str] = &[
    "changeit",
    "changeme",
    "default",
    "dummy",
    "example",
    "fixme",
    "foobar",
    "insertpasswordhere",
    "mypassword",
    "none",
    "null",
    "password",
    "passwort",
    "placeholder",
    "postgres",
    "redacted",
    "replace",
    "replaceme",
    "sample",
    "secret",
    "setme",
    "tbd",
    "test",
    "todo",
    "topsecret",
    "undefined",
    "yourpassword",
    "yoursecret",
];

/// Judges a secret as it would be used. Of a URL only the password counts, and none at all is in order: a URL can be completed by
/// another key, and a server can trust by certificate.
pub(super) fn weakness(text: &str) -> Option<Weakness> {
    match authority(text) {
        Some(authority) => judge(password(authority)?),
        None => judge(text),
    }
}

fn judge(text: &str) -> Option<Weakness> {
    let word: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let mut characters: Vec<char> = text.chars().collect();
    let length = characters.len();
    characters.sort_unstable();
    characters.dedup();

    if text.trim().is_empty() {
        Some(Weakness::Empty)
    } else if PLACEHOLDERS.contains(&word.as_str())
        || word.contains("changeme")
        || word.contains("replaceme")
        || (text.starts_with('<') && text.ends_with('>'))
        || (text.starts_with("${") && text.ends_with('}'))
        || (length > 1 && characters.len() == 1)
    {
        Some(Weakness::Placeholder)
    } else if length < SHORTEST || characters.len() < 5 {
        Some(Weakness::Weak)
    } else {
        None
    }
}

/// Of a URL the part between `//` and the path. `None` if the text is no URL.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    is_scheme.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

fn password(authority: &str) -> Option<&str> {
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

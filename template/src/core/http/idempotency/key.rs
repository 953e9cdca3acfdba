//! The header, and what it is unique with.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::core::http::{AppError, Caller};

const HEADER: &str = "idempotency-key";

/// Longer than any id that somebody makes up.
const MAX_LENGTH: usize = 255;

/// The `Idempotency-Key` of a request, if it has one. Take it before the body, and name it in `params(…)`, so that it is documented.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub(super) Option<Sent>);

/// A key that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// What the key is unique with: method, path and caller.
    pub(super) scope: String,
    pub(super) path: String,
    body: BodyDigest,
}

impl Sent {
    /// What makes two requests the same: their bodies.
    pub(super) fn fingerprint(&self) -> String {
        let digest = self.body.0.get();
        digest.cloned().unwrap_or_else(|| hex(Sha256::digest([])))
    }
}

/// The digest of a body, which [`ValidJson`](crate::core::http::ValidJson) leaves behind when it reads one that has a key.
#[derive(Clone, Debug, Default)]
pub(in crate::core::http) struct BodyDigest(Arc<OnceLock<String>>);

impl BodyDigest {
    pub(in crate::core::http) fn of(&self, body: &[u8]) {
        let _ = self.0.set(hex(Sha256::digest(body)));
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let refused = || {
            AppError::parameter(
                HEADER,
                "must be 1 to 255 printable ASCII characters, and be given once",
            )
        };
        let key = value.to_str().ok().filter(|_| values.next().is_none());
        let key = key.map(unquoted).ok_or_else(refused)?;
        let is_printable = key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !(1..=MAX_LENGTH).contains(&key.len()) || !is_printable {
            return Err(refused());
        }

        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default();
        let mut scope = Sha256::new();
        for part in [
            parts.method.as_str().as_bytes(),
            path.as_bytes(),
            query.as_bytes(),
            Caller::distinguish(parts),
            key.as_bytes(),
        ] {
            // With their lengths, no two lists of parts are the same bytes.
            scope.update(part.len().to_be_bytes());
            scope.update(part);
        }
        let body = BodyDigest::default();
        parts.extensions.insert(body.clone());
        Ok(Self(Some(Sent {
            scope: hex(scope.finalize()),
            path,
            body,
        })))
    }
}

/// The draft has the key in quotes, most clients send it bare.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = digest.as_ref().iter();
    let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "A text of the client's own, such as a UUID, by which a request that is sent again is known: it gets the first one's answer.",
            ))
            .schema(Some(text.build()))
            .example(Some("0198c0de-7000-7abc-8def-0123456789ab".into()))
            .build();
        vec![parameter]
    }
}

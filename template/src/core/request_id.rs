//! The id of the request that is being answered: in its response, in its log lines, and in the requests it makes to others.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;
use tokio::task::futures::TaskLocalFuture;
use uuid::{Builder, Uuid};

tokio::task_local! {
    static CURRENT: RequestId;
}

/// An id is cut off nowhere, so it must be short enough for a log line.
const MAX_LENGTH: usize = 128;

/// Names one request. What a client sends is taken over if it is harmless; otherwise it is a new UUID v7, which sorts by time.
///
/// It is kept as the header that it becomes: a clone of that is a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new id. Nobody has to guess it, so it does without the system's random numbers, which each cost a call of the system.
    #[must_use]
    pub fn generate() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since_1970.unwrap_or_default().as_millis();
        let millis = u64::try_from(millis).unwrap_or_default();
        let random: [u8; 16] = fastrand::u128(..).to_ne_bytes();
        let [random @ .., _, _, _, _, _, _] = random;
        let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut buffer = Uuid::encode_buffer();
        let text = id.hyphenated().encode_lower(&mut buffer);
        // Digits, letters and hyphens are always good in a header.
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// The id that a client sent, if it may go into headers and log lines as it is: 1 to 128 letters, digits or `-_.:=+/@;`.
    #[must_use]
    pub fn from_client(sent: &HeaderValue) -> Option<Self> {
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=+/@;".contains(byte);
        let bytes = sent.as_bytes();
        let accepted = (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(harmless);
        accepted.then(|| Self(sent.clone()))
    }

    /// The id of the request that the current task is answering; `None` outside a request and in tasks it spawned.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `work` as the answer to this request.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is made of characters that can be shown.
        self.0.to_str().unwrap_or_default()
    }

    /// The id as a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sends_is_taken_over_only_if_harmless() {
        for accepted in ["a", "0198c0de-7000-7abc-8def-0123456789ab", "Root=1-67a;x"] {
            let sent = HeaderValue::from_static(accepted);
            assert_eq!(RequestId::from_client(&sent).unwrap().as_str(), accepted);
        }
        for refused in ["", "a b", "a\tb", "ä", "\"", &"x".repeat(129)] {
            let sent = HeaderValue::from_bytes(refused.as_bytes()).unwrap();
            assert_eq!(RequestId::from_client(&sent), None, "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_task_knows_the_request_it_answers() {
        let id = RequestId::generate();
        let seen = id.clone().scope(async { RequestId::current() }).await;
        assert_eq!(seen, Some(id));
        assert_eq!(RequestId::current(), None);
    }
}

//! The id of the request that is being answered: in its response, in its log lines, and in the requests it makes to others.

use std::fmt;

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// An id is cut off nowhere, so it must be short enough for a log line.
const MAX_LENGTH: usize = 128;

/// Names one request. What a client sends is taken over if it is harmless; otherwise it is a new UUID v7, which sorts by time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        let mut buffer = Uuid::encode_buffer();
        Self(Box::from(
            &*Uuid::now_v7().hyphenated().encode_lower(&mut buffer),
        ))
    }

    /// The id that a client sent, if it may go into headers and log lines as it is: 1 to 128 letters, digits or `-_.:=+/@;`.
    #[must_use]
    pub fn from_client(text: &str) -> Option<Self> {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/@;".contains(&byte);
        let accepted = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(harmless);
        accepted.then(|| Self(text.into()))
    }

    /// The id of the request that the current task is answering; `None` outside a request and in tasks it spawned.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `work` as the answer to this request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sends_is_taken_over_only_if_harmless() {
        for accepted in ["a", "0198c0de-7000-7abc-8def-0123456789ab", "Root=1-67a;x"] {
            assert_eq!(RequestId::from_client(accepted).unwrap().as_str(), accepted);
        }
        for refused in ["", "a b", "a\nlevel=error", "ä", "\"", &"x".repeat(129)] {
            assert_eq!(RequestId::from_client(refused), None, "{refused:?}");
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

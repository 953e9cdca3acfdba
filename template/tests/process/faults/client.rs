//! Many requests at once, and requests whose client hangs up.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any answer takes. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// The service, as its clients see it.
#[derive(Clone)]
pub(super) struct Client {
    address: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Status line and headers, in lower case.
    head: String,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Answer {
    /// Whether this is what an earlier request with the same key was answered.
    pub(super) fn is_replayed(&self) -> bool {
        self.head.contains("\r\nidempotency-replayed: true")
    }

    /// What a service says that is there but can't do it now: 503, and when to try again.
    pub(super) fn is_unavailable(&self) -> bool {
        self.status == 503
            && self.head.contains("\r\nretry-after: ")
            && self.body.contains(r#""code":"unavailable""#)
    }
}

impl Client {
    /// Of a service at this URL.
    pub(super) fn of(url: &str) -> Self {
        Self {
            address: url.trim_start_matches("http://").to_owned(),
        }
    }

    /// Asks on a connection of its own, and must be answered.
    #[track_caller]
    pub(super) fn get(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.clone()
            .answer("GET", path.to_owned(), "", String::new())
    }

    /// Sends JSON, and must be answered.
    #[track_caller]
    pub(super) fn post(
        &self,
        path: &str,
        body: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.clone()
            .answer("POST", path.to_owned(), "", body.to_owned())
    }

    /// Sends JSON with an `Idempotency-Key`.
    #[track_caller]
    pub(super) fn post_once(
        &self,
        path: &str,
        key: &str,
        body: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.clone()
            .answer("POST", path.to_owned(), key, body.to_owned())
    }

    #[track_caller]
    fn answer(
        self,
        method: &'static str,
        path: String,
        key: &str,
        body: String,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let caller = std::panic::Location::caller();
        let line = match key {
            "" => String::new(),
            key => format!("Idempotency-Key: {key}\r\n"),
        };
        async move {
            let answer = timeout(PATIENCE, self.exchange(method, &path, &line, &body)).await;
            let answer = answer.unwrap_or_else(|_| {
                panic!("{caller}: {method} {path} has no answer after {PATIENCE:?}")
            });
            answer.unwrap_or_else(|error| {
                panic!("{caller}: {method} {path} was not answered: {error}")
            })
        }
    }

    /// Asks, and hangs up after this time; an answer that came before is given.
    pub(super) async fn hang_up(&self, path: &str, after: Duration) -> Option<Answer> {
        timeout(after, self.exchange("GET", path, "", ""))
            .await
            .ok()
            .map(Result::unwrap)
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        line: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let start = Instant::now();
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{line}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or_else(|| io::Error::other(format!("no whole answer: {text:?}")))?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Answer {
            status: status.ok_or_else(|| io::Error::other(format!("no status: {head:?}")))?,
            head: head.to_lowercase(),
            body: body.to_owned(),
            took: start.elapsed(),
        })
    }
}

//! An answer, and the questions that every test asks.

use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl TestResponse {
    pub(super) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// The header's value; empty if it is not there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The body, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.read_as()
    }

    /// The body, which must be JSON of this form.
    #[track_caller]
    pub(crate) fn read_as<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(body) => body,
            Err(error) => panic!("{error}: {self:#?}"),
        }
    }

    /// Fails if the status is another one, and shows the answer.
    #[track_caller]
    pub(crate) fn expect_status(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{:?}", self.body);
        self
    }

    /// The problem that the answer must be, without what is the same in every one or different in every request: after a look at
    /// those members, they are taken away.
    #[track_caller]
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:#?}"
        );
        let mut problem = self.json();
        let mut take = |name: &str| problem.as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(take("status"), self.status.as_u16());
        assert_eq!(take("request_id"), self.header("x-request-id"));
        assert!(take("title").is_string());
        let kind = take("type");
        let code = problem["code"].as_str().unwrap();
        assert_eq!(kind, format!("/problems/{code}"));
        problem
    }
}

const _: () = {
    let _ = TestResponse::expect_status;
    let _ = TestResponse::read_as::<Value>;
};

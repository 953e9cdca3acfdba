use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, Section};

/// The client for requests to other services, shared by all of them.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct HttpClientConfig {
    /// Time to open a connection, with its TLS handshake.
    #[validate(range(min = 1, max = 300))]
    pub connect_timeout_secs: u64,
    /// Time between two pieces of an answer.
    #[validate(range(min = 1, max = 300))]
    pub read_timeout_secs: u64,
    /// Time a whole request may take, with all attempts and the pauses between them, from the first byte sent to the last received.
    #[validate(range(min = 1, max = 3600))]
    pub request_timeout_secs: u64,
    /// Time to wait for a free place among `HTTP_CLIENT_MAX_CONNECTIONS`.
    #[validate(range(min = 1, max = 300))]
    pub pool_timeout_secs: u64,
    /// Requests that may be under way at once.
    #[validate(range(min = 1, max = 10_000))]
    pub max_connections: usize,
    /// Attempts after the first, for what is safe to be sent twice: methods that change nothing or are idempotent (GET, PUT, DELETE),
    /// and requests with an `Idempotency-Key`.
    #[validate(range(min = 0, max = 10))]
    pub max_retries: u32,
    /// Requests in a hundred that must fail within 10 to 20 seconds so that a host gets none for a while. 0: it always gets them.
    #[validate(range(min = 0, max = 100))]
    pub breaker_failure_percent: u32,
    /// Requests to a host within that time below which nothing is concluded.
    #[validate(range(min = 1, max = 100_000))]
    pub breaker_min_calls: u32,
    /// Time for which it gets none. After that one request tries it out.
    #[validate(range(min = 1, max = 300))]
    pub breaker_open_secs: u64,
    /// Idle connections that are kept open to each host.
    #[validate(range(min = 0, max = 10_000))]
    pub pool_max_idle: usize,
    /// Time an idle connection is kept open.
    #[validate(range(min = 1, max = 3600))]
    pub pool_idle_secs: u64,
    /// Whether HTTP/2 is used where the other side offers it.
    pub http2: bool,
    /// Redirects that are followed. A service that answers with one is mostly a wrong address, so: none.
    #[validate(range(min = 0, max = 20))]
    pub redirects: usize,
    /// File with the certificate (PEM) of an authority that is trusted beside the usual ones.
    pub ca_cert: Option<PathBuf>,
}

impl Section for HttpClientConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
            .with("connect_timeout_secs", 5)
            .with("read_timeout_secs", 10)
            .with("request_timeout_secs", 15)
            .with("pool_timeout_secs", 5)
            .with("max_connections", 100)
            .with("max_retries", 3)
            .with("breaker_failure_percent", 50)
            .with("breaker_min_calls", 20)
            .with("breaker_open_secs", 10)
            .with("pool_max_idle", 20)
            .with("pool_idle_secs", 30)
            .with("http2", true)
            .with("redirects", 0)
    }

    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        if let Some(file) = &self.ca_cert {
            checks.refuse_without_certificate("ca_cert", file);
        }
    }
}

super::register_section! { "HTTP_CLIENT_": HttpClientConfig }

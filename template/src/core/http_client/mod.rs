//! The pooled client for requests to other services, shared by all of them: `app.http_client`.
//!
//! Each phase has its limit: waiting for one of `HTTP_CLIENT_MAX_CONNECTIONS` places, connecting, reading on, and the whole; so has
//! the size of an answer. Nothing goes on past the deadline of the request that is being answered, whose id goes along.
//!
//! What is safe to be sent twice is tried again when the other service is briefly away (`retry.rs`). A host whose requests fail too
//! often gets none for a while: they fail at once (`breaker.rs`). Both are counted by host (`metrics.rs`).
//!
//! ```
//! use app::core::http::Result;
//! use app::core::state::AppState;
//!
//! # #[derive(serde::Deserialize)] struct Weather { degrees: f32 }
//! async fn degrees(app: &AppState, url: &str) -> Result<f32> {
//!     let answer = app.http_client.get(url).query(&[("city", "Bern")]).send().await?;
//!     let weather: Weather = answer.success()?.json().await?;
//!     Ok(weather.degrees)
//! }
//! ```

mod answer;
mod attempt;
mod breaker;
mod error;
mod metrics;
mod request;
mod retry;
mod upstream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, IntoUrl, Method, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

pub use self::answer::Answer;
use self::attempt::Attempt;
use self::breaker::BreakerSettings;
pub use self::error::HttpClientError;
pub use self::request::OutboundRequest;
use self::upstream::Upstreams;
use crate::core::config::HttpClientConfig;
use crate::core::deadline::Deadline;

/// A pool of connections to other services. Cheap to clone: clones share the pool and its limits.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    places: Arc<Semaphore>,
    wait: Duration,
    /// How long a request may take as a whole, with all attempts.
    limit: Duration,
    max_retries: u32,
    upstreams: Arc<Upstreams>,
}

impl HttpClient {
    /// A client with these limits. It connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Settings`] if the certificate of `HTTP_CLIENT_CA_CERT` can't be read, or if the system has no certificates of
    /// authorities at all.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that builds the client"
    )]
    pub fn new(config: &HttpClientConfig) -> Result<Self, HttpClientError> {
        let limit = Duration::from_secs(config.request_timeout_secs);
        // Already installed by another client or by the database's connections: then that one is used, ring as well.
        let _ = rustls::crypto::ring::default_provider().install_default();

        let redirects = match config.redirects {
            0 => redirect::Policy::none(),
            most => redirect::Policy::limited(most),
        };
        let mut builder = Client::builder()
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .connect_timeout(Duration::from_secs(config.connect_timeout_secs))
            .read_timeout(Duration::from_secs(config.read_timeout_secs))
            .pool_idle_timeout(Duration::from_secs(config.pool_idle_secs))
            .pool_max_idle_per_host(config.pool_max_idle)
            .redirect(redirects);
        if !config.http2 {
            builder = builder.http1_only();
        }
        if let Some(path) = &config.ca_cert {
            let refused = |reason: String| {
                let path = path.display();
                HttpClientError::Settings(format!("HTTP_CLIENT_CA_CERT: {path}: {reason}"))
            };
            let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|error| refused(error.to_string()))?;
            if certificates.is_empty() {
                return Err(refused("holds no certificate (PEM)".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder
            .build()
            .map_err(|error| HttpClientError::Settings(error::chain(&error)))?;
        Ok(Self {
            client,
            places: Arc::new(Semaphore::new(config.max_connections)),
            wait: Duration::from_secs(config.pool_timeout_secs),
            limit,
            max_retries: config.max_retries,
            upstreams: Arc::new(Upstreams::new(BreakerSettings {
                failure_percent: config.breaker_failure_percent,
                min_calls: config.breaker_min_calls,
                open: Duration::from_secs(config.breaker_open_secs),
            })),
        })
    }

    /// A GET request.
    pub fn get(&self, url: impl IntoUrl) -> OutboundRequest {
        self.request(Method::GET, url)
    }

    /// A POST request.
    pub fn post(&self, url: impl IntoUrl) -> OutboundRequest {
        self.request(Method::POST, url)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> OutboundRequest {
        OutboundRequest::new(self.clone(), self.client.request(method, url))
    }

    /// Asks once whether anybody answers at `url`, with whatever but a fault of the server's: for the health check of an upstream. A
    /// host whose breaker is open is not asked. What comes of it the breaker doesn't learn: a page that answers says nothing about the
    /// requests that fail.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn ping(&self, url: impl IntoUrl) -> Result<(), HttpClientError> {
        let answer = self.get(url).for_ping().send().await?;
        if answer.status().is_server_error() {
            answer.success()?;
        }
        Ok(())
    }

    /// A place among the connections; free again when it is dropped.
    async fn place(
        &self,
        deadline: Option<Deadline>,
        attempt: &mut Attempt,
    ) -> Result<OwnedSemaphorePermit, HttpClientError> {
        let place = self.wait_for_place(deadline).await;
        // It is our own doing, and says nothing about the upstream.
        place.inspect_err(|error| attempt.failed(error, false))
    }

    async fn wait_for_place(
        &self,
        deadline: Option<Deadline>,
    ) -> Result<OwnedSemaphorePermit, HttpClientError> {
        let patience = Instant::now() + self.wait;
        let until = deadline.map_or(patience, |deadline| deadline.at().min(patience));
        match timeout_at(until, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Err(_) if until < patience => Err(HttpClientError::Timeout(
                "no time was left to wait for a place among the outbound connections".to_owned(),
            )),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(HttpClientError::Busy),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("free_places", &self.places.available_permits())
            .finish_non_exhaustive()
    }
}

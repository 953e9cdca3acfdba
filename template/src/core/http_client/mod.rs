//! The pooled client for requests to other services, shared by all of them: `app.http_client`.
//!
//! Each phase has its limit: waiting for one of `HTTP_CLIENT_MAX_CONNECTIONS` places, connecting, reading on, and the whole; so has
//! the size of an answer. The id of the request that is being answered goes along.
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

mod error;
mod request;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, IntoUrl, Method, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use self::error::HttpClientError;
pub use self::request::{Answer, OutboundRequest};
use crate::core::config::HttpClientConfig;

/// A pool of connections to other services. Cheap to clone: clones share the pool and its limits.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    places: Arc<Semaphore>,
    wait: Duration,
    /// How long a request may take as a whole.
    limit: Duration,
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
            .timeout(limit)
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

    /// A place among the connections; free again when it is dropped.
    async fn place(&self) -> Result<OwnedSemaphorePermit, HttpClientError> {
        match timeout(self.wait, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
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

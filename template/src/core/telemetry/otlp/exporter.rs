use std::{
    fmt, io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use metrics::{Counter, counter};
use opentelemetry_proto::{
    tonic::collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter},
    trace::{SpanData, SpanExporter},
};
use prost::Message;
use reqwest::{Client, Url, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::core::{config::OtelConfig, telemetry::error_line};

/// How long a collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before a batch is sent again that the collector could not take; then it is given up.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// How often it is said that a collector takes nothing.
const WARN_EVERY: Duration = Duration::from_mins(1);

const LOST: &str = "otlp_lost_total";

crate::register_metrics! {
    counter LOST: "Spans and log records that the collector did not take. Those that found the queue full are not among them.", labels ["signal"];
}

/// The service ends: what can't be sent now is lost.
static STOPPING: AtomicBool = AtomicBool::new(false);

pub(super) fn stop_retrying() {
    STOPPING.store(true, Ordering::Relaxed);
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A setting that was not checked.
    #[error("the client for the collector can't be set up: its settings are wrong: it {0}")]
    Settings(String),
    /// The client can't be made.
    #[error("the client for the collector can't be set up")]
    Client(#[from] reqwest::Error),
    /// The system gives no runtime.
    #[error("the client for the collector can't run")]
    Runtime(#[from] io::Error),
}

/// Sends batches of one kind to a collector, on the thread that calls it and with a runtime of its own: so neither does a busy service
/// keep its telemetry back nor the other way round, and the last batch can be sent after the service's runtime has ended.
///
/// Not the exporter of `opentelemetry-otlp`: that one reads the environment of the process behind the configuration's back.
pub(super) struct Exporter {
    /// What it sends: `traces` or `logs`.
    signal: &'static str,
    client: Client,
    url: Url,
    headers: HeaderMap,
    runtime: Runtime,
    resource: ResourceAttributesWithSchema,
    lost: Counter,
    trouble: Mutex<Trouble>,
}

/// What was not sent since the last warning.
#[derive(Default)]
struct Trouble {
    warned: Option<Instant>,
    lost: usize,
}

impl Exporter {
    #[expect(
        clippy::disallowed_methods,
        reason = "the pooled client is above telemetry, and its requests are traced"
    )]
    pub(super) fn new(signal: &'static str, section: &OtelConfig) -> Result<Self, OtlpError> {
        // Already installed by another client or by the database's connections: then that one is used, ring as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self {
            signal,
            client,
            url: section.url_of(signal).map_err(OtlpError::Settings)?,
            headers: section.headers().map_err(OtlpError::Settings)?,
            runtime: Builder::new_current_thread().enable_all().build()?,
            resource: ResourceAttributesWithSchema::default(),
            lost: counter!(LOST, "signal" => signal),
            trouble: Mutex::default(),
        })
    }

    /// Blocks until the batch of so many is sent or given up.
    fn send(&self, body: Vec<u8>, items: usize) -> OTelSdkResult {
        let sent = self.runtime.block_on(self.try_to_send(body.into()));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Ok(()) => {
                if trouble.warned.is_some() {
                    tracing::info!(signal = self.signal, "the collector takes telemetry again");
                }
                *trouble = Trouble::default();
                Ok(())
            }
            Err(error) => {
                self.lost.increment(items as u64);
                trouble.lost += items;
                let said = trouble.warned.is_some_and(|at| at.elapsed() < WARN_EVERY);
                if !said {
                    let lost = std::mem::take(&mut trouble.lost);
                    trouble.warned = Some(Instant::now());
                    tracing::warn!(signal = self.signal, lost, %error, "the collector takes no telemetry");
                }
                Err(OTelSdkError::InternalFailure(error))
            }
        }
    }

    async fn try_to_send(&self, body: bytes::Bytes) -> Result<(), String> {
        let mut pauses = PAUSES.iter();
        loop {
            let (error, again) = match self.post(body.clone()).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status) => (format!("it answers {status}"), is_passing(status)),
                Err(error) => {
                    // The URL may hold a password.
                    let error = error.without_url();
                    (error_line(&error), error.is_connect())
                }
            };
            match pauses.next() {
                Some(pause) if again && wait(*pause).await => {}
                _ => return Err(error),
            }
        }
    }

    async fn post(&self, body: bytes::Bytes) -> Result<StatusCode, reqwest::Error> {
        let request = self.client.post(self.url.clone());
        let request = request.headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/x-protobuf");
        let answer = request.body(body).send().await?;
        Ok(answer.status())
    }
}

/// Whether it is worth to send the same again: as the specification of OTLP says.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// Waits so long; false if the service ends meanwhile.
async fn wait(pause: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let start = Instant::now();
    while start.elapsed() < pause && !STOPPING.load(Ordering::Relaxed) {
        tokio::time::sleep(STEP).await;
    }
    !STOPPING.load(Ordering::Relaxed)
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let items = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        self.send(request.encode_to_vec(), items)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl LogExporter for Exporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let items = batch.iter().count();
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        let request = ExportLogsServiceRequest { resource_logs };
        self.send(request.encode_to_vec(), items)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

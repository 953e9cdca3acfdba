//! Traces and logs for an `OpenTelemetry` collector, by OTLP over HTTP, as the `OTEL_` section says.
//!
//! What is to be sent waits in queues of a fixed size; one thread for each kind sends it. When a queue is full, what comes is lost and
//! requests go on: a service is not slowed down because somebody who watches it is away.

mod exporter;
mod filter;
mod logs;

use std::{sync::OnceLock, thread, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    logs::LoggerProvider,
    trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
    },
};
use opentelemetry_sdk::{
    Resource,
    logs::{self as sdk_logs, BatchLogProcessor, SdkLoggerProvider},
    trace::{self as sdk_trace, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;

use self::{exporter::Exporter, filter::Traced, logs::LogRecords};
use super::{BoxLayer, FLUSH, Sent, build, context::TraceContext};
use crate::core::config::{Config, OtelConfig, TracesSampler};

pub use self::exporter::OtlpError;

/// Spans, and log records, that wait to be sent: a few MB at most.
const QUEUE: usize = 2048;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long they wait for more, at most.
const DELAY: Duration = Duration::from_secs(2);

static STARTED: OnceLock<Started> = OnceLock::new();

/// What must be told that the service ends.
#[derive(Default)]
struct Started {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Starts to send what the configuration asks for.
pub(super) fn start(config: &Config) -> Result<Sent, OtlpError> {
    let section = config.section::<OtelConfig>();
    let mut started = Started::default();
    let mut sent = Sent::default();
    if section.exports_traces() {
        let provider = tracer_provider(config, section)?;
        sent.traces = Some(trace_layer(&provider));
        started.traces = Some(provider);
    }
    if section.exports_logs() {
        let provider = logger_provider(config, section)?;
        let logger = provider.logger(env!("CARGO_PKG_NAME"));
        sent.logs = Some(Box::new(LogRecords::new(logger)));
        started.logs = Some(provider);
    }
    STARTED.get_or_init(|| started);
    Ok(sent)
}

/// Sends what still waits, for [`FLUSH`] at most. Spans and log records that come later are lost.
pub(super) fn flush() {
    let Some(Started { traces, logs }) = STARTED.get() else {
        return;
    };
    exporter::stop_retrying();
    // Side by side: if the collector doesn't answer, each uses up its time.
    thread::scope(|scope| {
        if let Some(logs) = logs {
            scope.spawn(|| logs.shutdown_with_timeout(FLUSH));
        }
        if let Some(traces) = traces {
            // What can't be sent has been logged by then.
            let _ = traces.shutdown_with_timeout(FLUSH);
        }
    });
}

fn tracer_provider(config: &Config, section: &OtelConfig) -> Result<SdkTracerProvider, OtlpError> {
    let batches = sdk_trace::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let exporter = Exporter::new("traces", section)?;
    let processor = BatchSpanProcessor::builder(exporter);
    Ok(SdkTracerProvider::builder()
        .with_resource(resource(config, section)?)
        .with_sampler(sampler(section))
        .with_span_limits(SpanLimits::default())
        .with_span_processor(processor.with_batch_config(batches).build())
        .build())
}

fn logger_provider(config: &Config, section: &OtelConfig) -> Result<SdkLoggerProvider, OtlpError> {
    let batches = sdk_logs::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let exporter = Exporter::new("logs", section)?;
    let processor = BatchLogProcessor::builder(exporter);
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource(config, section)?)
        .with_log_processor(processor.with_batch_config(batches).build())
        .build())
}

/// Who speaks. Empty to begin with: the SDK would ask the environment of the process, which is the configuration's to do.
fn resource(config: &Config, section: &OtelConfig) -> Result<Resource, OtlpError> {
    let attributes = section.resource_attributes();
    let attributes = attributes.map_err(OtlpError::Settings)?;
    let attribute = |(key, value): (String, String)| KeyValue::new(key, value);
    Ok(Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", build::VERSION))
        .with_attribute(KeyValue::new(
            "deployment.environment.name",
            config.env().name(),
        ))
        .with_attributes(attributes.into_iter().map(attribute))
        .with_service_name(section.service_name().to_owned())
        .build())
}

fn sampler(section: &OtelConfig) -> Sampler {
    let ratio = Sampler::TraceIdRatioBased(section.traces_sampler_arg.unwrap_or(1.0));
    match section.traces_sampler {
        TracesSampler::AlwaysOn => Sampler::AlwaysOn,
        TracesSampler::AlwaysOff => Sampler::AlwaysOff,
        TracesSampler::TraceIdRatio => ratio,
        TracesSampler::ParentBasedAlwaysOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        TracesSampler::ParentBasedAlwaysOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        TracesSampler::ParentBasedTraceIdRatio => Sampler::ParentBased(Box::new(ratio)),
    }
}

fn trace_layer(provider: &SdkTracerProvider) -> BoxLayer {
    let layer = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")));
    Box::new(layer.with_filter(Traced::new()))
}

/// The span that is being worked in.
pub(super) fn current_context() -> Option<TraceContext> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| TraceContext {
            trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(span.span_id().to_bytes()),
            flags: span.trace_flags().to_u8(),
            state: span
                .trace_state()
                .header()
                .parse()
                .ok()
                .filter(|state: &axum::http::HeaderValue| !state.is_empty()),
        })
    })
}

/// Makes the span a child of the caller's. It must not have been entered.
pub(super) fn set_parent(span: &Span, caller: &TraceContext) {
    let state = caller.state.as_ref().and_then(|state| state.to_str().ok());
    let state = state.and_then(|state| state.parse::<TraceState>().ok());
    let caller = SpanContext::new(
        TraceId::from_bytes(caller.trace_id.to_be_bytes()),
        SpanId::from_bytes(caller.span_id.to_be_bytes()),
        TraceFlags::new(caller.flags),
        true,
        state.unwrap_or_default(),
    );
    // A span that nobody listens to has no parent, either.
    let _ = span.set_parent(Context::new().with_remote_span_context(caller));
}

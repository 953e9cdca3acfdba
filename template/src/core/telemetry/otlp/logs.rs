use std::time::SystemTime;

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    logs::{AnyValue, LogRecord, Logger, Severity},
};
use opentelemetry_sdk::logs::SdkLogger;
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::core::request_id::RequestId;
use crate::core::telemetry::{context::TraceContext, cut, fields::Fields};

/// The most of one text that a record keeps, in bytes: a backtrace fits in.
const TEXT_BYTES: usize = 16 * 1024;

/// Makes a log record of every line, with the same fields.
pub(super) struct LogRecords {
    logger: SdkLogger,
}

impl LogRecords {
    pub(super) fn new(logger: SdkLogger) -> Self {
        Self { logger }
    }
}

impl<S> Layer<S> for LogRecords
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let severity = severity(*level);
        // What is logged while telemetry is sent would be sent in turn, for ever.
        if !self.logger.event_enabled(severity, target, None) {
            return;
        }
        let (message, fields) = message_and_fields(event, &context);
        let mut record = self.logger.create_log_record();
        record.set_timestamp(SystemTime::now());
        record.set_severity_number(severity);
        record.set_severity_text(level.as_str());
        record.set_target(target);
        if let Some(message) = any(message) {
            record.set_body(message);
        }
        for (name, value) in fields {
            if let Some(value) = any(value) {
                record.add_attribute(name, value);
            }
        }
        if let Some(context) = TraceContext::current() {
            record.set_trace_context(
                TraceId::from_bytes(context.trace_id.to_be_bytes()),
                SpanId::from_bytes(context.span_id.to_be_bytes()),
                Some(TraceFlags::new(context.flags)),
            );
        }
        self.logger.emit(record);
    }
}

/// As in a line: of fields of one name, the one that is nearest to the event counts, and the request's come last.
fn message_and_fields<S>(
    event: &Event<'_>,
    context: &Context<'_, S>,
) -> (Value, Vec<(&'static str, Value)>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut of_event = Fields::default();
    event.record(&mut of_event);
    let Fields(mut fields) = of_event;
    let message = fields.iter().position(|(name, _)| *name == "message");
    let message = message.map(|position| fields.remove(position).1);
    let mut add = |name: &'static str, value: Value| {
        if !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, value));
        }
    };
    for span in context.event_scope(event).into_iter().flatten() {
        if let Some(of_span) = span.extensions().get::<Fields>() {
            for (name, value) in of_span.iter() {
                add(name, value.clone());
            }
        }
    }
    if let Some(id) = RequestId::current() {
        add("request_id", id.as_str().into());
    }
    if let Some(trace) = TraceContext::current() {
        add("trace_id", trace.trace_id().into());
    }
    (message.unwrap_or_default(), fields)
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

fn any(value: Value) -> Option<AnyValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(float)) => float.into(),
            (None, None) => number.to_string().into(),
        },
        Value::String(text) => cut(&text, TEXT_BYTES).to_owned().into(),
        // Fields hold none of these.
        Value::Array(_) | Value::Object(_) => value.to_string().into(),
    })
}

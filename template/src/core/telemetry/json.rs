//! One JSON object a line: `{"ts":…,"level":…,"msg":…,` and then the event's fields, those of the spans around it and the request's, all
//! on one level, as log stores index them best. The stock format can't rename its fields, nests those of spans, and takes several times
//! as long, which counts where every request has a line.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use serde_json::{Number, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::causes::error_line;
use super::context::TraceContext;
use super::fields::{Fields, name};
use crate::core::request_id::RequestId;

/// Hands every event over as a line.
pub(super) struct JsonLines<W> {
    write: W,
}

impl<W: Fn(&str, Level)> JsonLines<W> {
    pub(super) fn new(write: W) -> Self {
        Self { write }
    }
}

thread_local! {
    /// What lines are made in: the memory of the one before.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str, Level) + 'static,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // A value that logs while it is shown finds none, and makes its own; as does a thread that ends.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        scratch.fields.clear();
        scratch.names.clear();
        scratch.message.clear();
        event.record(&mut scratch);
        scratch.surroundings(event, &context);
        scratch.assemble(event);
        (self.write)(&scratch.line, *event.metadata().level());
        let _ = SCRATCH.try_with(|kept| kept.set(scratch));
    }
}

/// The parts of a line.
#[derive(Default)]
struct Scratch {
    line: String,
    /// In JSON, as are the fields.
    message: String,
    /// Each after a comma.
    fields: String,
    /// Those of the fields. A few, so searching them is cheap.
    names: Vec<&'static str>,
    second: Second,
}

/// A second, and how it is written: most lines are of the same one as the line before.
#[derive(Default)]
struct Second {
    since_1970: u64,
    text: String,
}

impl Scratch {
    /// The fields of spans, the innermost first: what is nearer to the event is more to the point. At last those of the request.
    fn surroundings<S>(&mut self, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let spans = context.event_scope(event);
        for span in spans.into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                for (name, value) in fields.iter() {
                    self.value(name, value);
                }
            }
        }
        if let Some(id) = RequestId::current() {
            self.text("request_id", id.as_str());
        }
        if let Some(context) = TraceContext::current() {
            self.text("trace_id", &context.trace_id());
            self.text("span_id", &context.span_id());
        }
    }

    /// `None` if there is such a field already.
    fn begin(&mut self, name: &'static str) -> Option<&mut String> {
        if self.names.contains(&name) {
            return None;
        }
        self.names.push(name);
        self.fields.push_str(",\"");
        // It is a Rust identifier with dots at most, but could be any literal.
        push_escaped(&mut self.fields, name);
        self.fields.push_str("\":");
        Some(&mut self.fields)
    }

    fn text(&mut self, name: &'static str, value: &str) {
        if let Some(fields) = self.begin(name) {
            quote(fields, |text| push_escaped(text, value));
        }
    }

    /// The event's message, or one of its fields that are texts.
    fn string(&mut self, field: &Field, write: impl FnOnce(&mut String)) {
        let text = match field.name() {
            "message" => Some(&mut self.message),
            _ => self.begin(name(field)),
        };
        if let Some(text) = text {
            quote(text, write);
        }
    }

    fn value(&mut self, name: &'static str, value: &Value) {
        if let Some(fields) = self.begin(name) {
            let _ = write!(fields, "{value}");
        }
    }

    fn display(&mut self, field: &Field, value: impl fmt::Display) {
        if let Some(fields) = self.begin(name(field)) {
            let _ = write!(fields, "{value}");
        }
    }

    fn assemble(&mut self, event: &Event<'_>) {
        let Self {
            line,
            message,
            fields,
            second,
            ..
        } = self;
        line.clear();
        line.push_str("{\"ts\":\"");
        second.push_now(line);
        line.push_str("\",\"level\":\"");
        line.push_str(level(*event.metadata().level()));
        line.push_str("\",\"msg\":");
        line.push_str(if message.is_empty() { "null" } else { message });
        line.push_str(fields);
        line.push_str(",\"target\":\"");
        push_escaped(line, event.metadata().target());
        line.push_str("\"}\n");
    }
}

impl Second {
    /// The time in UTC, to the microsecond.
    fn push_now(&mut self, line: &mut String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        if self.since_1970 != now.as_secs() {
            self.since_1970 = now.as_secs();
            self.text.clear();
            let second = i64::try_from(self.since_1970).ok();
            if let Some(second) = second.and_then(|second| DateTime::from_timestamp(second, 0)) {
                let _ = write!(self.text, "{}", second.format("%Y-%m-%dT%H:%M:%S"));
            }
        }
        let _ = write!(line, "{}.{:06}Z", self.text, now.subsec_micros());
    }
}

impl Visit for Scratch {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match Number::from_f64(value) {
            Some(number) => self.display(field, number),
            None => self.display(field, "null"),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.display(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.display(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.display(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, |text| push_escaped(text, value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.string(field, |text| push_escaped(text, &error_line(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.string(field, |text| {
            // A string takes all there is.
            let _ = write!(Escaped(text), "{value:?}");
        });
    }
}

/// What is written into it goes into a text of JSON.
struct Escaped<'l>(&'l mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

fn quote(text: &mut String, write: impl FnOnce(&mut String)) {
    text.push('"');
    write(text);
    text.push('"');
}

fn push_escaped(line: &mut String, mut text: &str) {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Nearly no text has one, and looked at to the end, sixteen bytes are compared at a time.
    let has_special = |text: &str| {
        text.bytes()
            .fold(false, |found, byte| found | is_special(byte))
    };
    if !has_special(text) {
        return line.push_str(text);
    }
    while let Some(at) = text.bytes().position(is_special) {
        line.push_str(&text[..at]);
        match text.as_bytes()[at] {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            b'\n' => line.push_str("\\n"),
            b'\t' => line.push_str("\\t"),
            other => {
                let _ = write!(line, "\\u{other:04x}");
            }
        }
        text = &text[at + 1..];
    }
    line.push_str(text);
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::core::telemetry::fields::KeepFields;

    /// The lines that `work` logs, without their time.
    fn logged(work: impl FnOnce()) -> Vec<String> {
        let written = Arc::new(Mutex::new(String::new()));
        let text = Arc::clone(&written);
        let lines = JsonLines::new(move |line: &str, _| text.lock().unwrap().push_str(line));
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(KeepFields.and_then(lines)),
            work,
        );
        let text = written.lock().unwrap().clone();
        let without_time = |line: &str| {
            let (time, rest) = line
                .strip_prefix("{\"ts\":\"")
                .unwrap()
                .split_once("\",")
                .unwrap();
            DateTime::parse_from_rfc3339(time).unwrap();
            serde_json::from_str::<Value>(line).unwrap();
            rest.to_owned()
        };
        text.lines().map(without_time).collect()
    }

    #[test]
    fn the_fields_of_the_event_and_of_its_spans_are_on_one_level() {
        let lines = logged(|| {
            let span = info_span!("request", request_id = "1", user = tracing::field::Empty);
            let _outer = span.enter();
            span.record("user", 7);
            let _inner = info_span!("query", status = 1).entered();
            info!(status = 200, duration_ms = 3.2, "GET {}", "/users");
        });
        assert_eq!(
            lines,
            [concat!(
                r#""level":"info","msg":"GET /users","status":200,"duration_ms":3.2,"request_id":"1","user":7,"#,
                r#""target":"app::core::telemetry::json::tests"}"#
            )]
        );
    }

    #[test]
    fn one_event_is_one_line_whatever_it_holds() {
        let lines = logged(|| warn!(msg = "mine", number = f64::NAN, "two\nlines \"quoted\""));
        assert_eq!(
            lines,
            [concat!(
                r#""level":"warn","msg":"two\nlines \"quoted\"","field.msg":"mine","number":null,"#,
                r#""target":"app::core::telemetry::json::tests"}"#
            )]
        );
    }

    #[test]
    fn an_error_is_logged_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading failed")]
        struct Outer(#[source] io::Error);

        let error = Outer(io::Error::other("disk full"));
        let lines = logged(|| warn!(error = &error as &(dyn Error + 'static), "oh"));
        assert!(
            lines[0].contains(r#""error":"reading failed: disk full""#),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn a_line_names_the_request_it_belongs_to_once() {
        let id = RequestId::from_client(&"abc-1".parse().unwrap()).unwrap();
        let lines = id.scope(async {
            logged(|| {
                info!("bare");
                let _span = info_span!("request", request_id = "abc-1").entered();
                info!("within its span");
            })
        });
        for line in lines.await {
            assert_eq!(line.matches(r#""request_id":"abc-1""#).count(), 1, "{line}");
        }
    }
}

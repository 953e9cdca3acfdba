//! One JSON object a line: `{"ts":…,"level":…,"msg":…,` and then the event's fields and those of the spans around it, all on one
//! level, as log stores index them best. The stock format can't rename its fields, and nests those of spans.

use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

use super::{context::TraceContext, fields::Fields};

/// Writes every event as a line.
pub(super) struct JsonLines<W> {
    writer: W,
}

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer }
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (message, mut fields) = Fields::of(event, &context);
        // The trace's id is a field of the span, where there is one; the innermost span's is nobody's field.
        if let Some(context) = TraceContext::current() {
            fields.push(("span_id", context.span_id().into()));
        }
        let line = line(
            *event.metadata().level(),
            message,
            event.metadata().target(),
            &fields,
        );
        // There is nowhere to report that the log can't be written.
        let _ = self
            .writer
            .make_writer_for(event.metadata())
            .write_all(line.as_bytes());
    }
}

fn line(level: Level, message: Value, target: &str, fields: &[(&str, Value)]) -> String {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let level = level.as_str().to_ascii_lowercase();
    let head = [
        ("ts", time.into()),
        ("level", level.into()),
        ("msg", message),
    ];
    let mut line = String::with_capacity(256);
    for (name, value) in head
        .iter()
        .chain(fields)
        .chain(&[("target", target.into())])
    {
        line.push(if line.is_empty() { '{' } else { ',' });
        // A name is a Rust identifier with dots at most, but could be any literal: it is written as JSON, too.
        line.push_str(&Value::from(*name).to_string());
        line.push(':');
        line.push_str(&value.to_string());
    }
    line.push_str("}\n");
    line
}

#[cfg(test)]
mod tests {
    use std::{
        error::Error,
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::core::telemetry::fields::KeepFields;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs, without their time.
    fn logged(work: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let lines = JsonLines::new(move || writer.clone());
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(KeepFields.and_then(lines)),
            work,
        );
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let without_time = |line: &str| {
            let (time, rest) = line
                .strip_prefix("{\"ts\":\"")
                .unwrap()
                .split_once("\",")
                .unwrap();
            chrono::DateTime::parse_from_rfc3339(time).unwrap();
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
}

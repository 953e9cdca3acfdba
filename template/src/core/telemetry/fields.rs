//! What a log line says beside its message: the fields of its event, of the spans around it and of the request it belongs to.

use std::{error::Error, fmt};

use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::causes::error_line;
use super::context::TraceContext;
use crate::core::request_id::RequestId;

/// Names and values, in the order in which they came. A few, so searching them is cheap.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

/// What every line begins with. A field of such a name would make the line ambiguous.
const OWN: [(&str, &str); 4] = [
    ("ts", "field.ts"),
    ("level", "field.level"),
    ("msg", "field.msg"),
    ("target", "field.target"),
];

impl Fields {
    /// The event's message, and its fields with those around it.
    pub(super) fn of<S>(
        event: &Event<'_>,
        context: &Context<'_, S>,
    ) -> (Value, Vec<(&'static str, Value)>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut fields = Self::default();
        event.record(&mut fields);
        let message = fields.take("message").unwrap_or_default();
        // The innermost span first: what is nearer to the event is more to the point.
        for span in context
            .event_span(event)
            .into_iter()
            .flat_map(|span| span.scope())
        {
            let extensions = span.extensions();
            for (name, value) in extensions
                .get::<Self>()
                .into_iter()
                .flat_map(|of_span| &of_span.0)
            {
                if !fields.0.iter().any(|(known, _)| known == name) {
                    fields.0.push((name, value.clone()));
                }
            }
        }
        let id = RequestId::current().map(|id| ("request_id", id.as_str().into()));
        let trace = TraceContext::current().map(|trace| ("trace_id", trace.trace_id().into()));
        for (name, value) in id.into_iter().chain(trace) {
            if !fields.0.iter().any(|(known, _)| *known == name) {
                fields.0.push((name, value));
            }
        }
        (message, fields.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = name(field);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let position = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(position).1)
    }
}

/// The field's name in a line.
pub(super) fn name(field: &Field) -> &'static str {
    let own = OWN.iter().find(|(name, _)| *name == field.name());
    own.map_or(field.name(), |(_, instead)| *instead)
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, error_line(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

/// Keeps the fields of spans, for all who write lines.
pub(super) struct KeepFields;

impl<S> Layer<S> for KeepFields
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

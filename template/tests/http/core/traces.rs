//! The span of a request, as whoever listens to traces gets it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use axum::http::Method;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::support::{Logs, TestApp};

/// The fields of the spans that were made for traces, one after the other.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(Id, Fields)>>>);

#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Layer<Registry> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, Registry>) {
        if attributes.metadata().fields().field("otel.kind").is_some() {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            self.0.lock().unwrap().push((id.clone(), fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, Registry>) {
        let mut spans = self.0.lock().unwrap();
        // An id is used again once its span has ended.
        if let Some((_, fields)) = spans.iter_mut().rfind(|(known, _)| known == id) {
            values.record(fields);
        }
    }
}

#[tokio::test]
async fn a_requests_span_says_what_the_semantic_conventions_ask_for() {
    // Otherwise threads that listen to nothing would answer for this one, see `Logs::capture`.
    drop(Logs::capture());
    let spans = Spans::default();
    let listening = Registry::default().with(spans.clone());
    let _listening = tracing::subscriber::set_default(listening);
    let app = TestApp::without_database();
    let path = format!("/toys/{}?secret=1", uuid::Uuid::nil());
    app.delete(&path).await;
    app.get("/toys/17").await;
    app.get("/nowhere").await;
    app.get("/toys/unavailable").await;
    let invented = Method::from_bytes(b"BREW").unwrap();
    app.request(invented, "/toys").await;
    app.get("/livez").await;

    let spans = spans.0.lock().unwrap();
    let spans = spans.iter().map(|(_, fields)| &fields.0);
    let spans: Vec<_> = spans.filter(|span| span["otel.kind"] == "server").collect();
    insta::assert_json_snapshot!(spans[0], @r#"
    {
      "http.request.method": "DELETE",
      "http.response.status_code": "204",
      "http.route": "/toys/{id}",
      "network.protocol.version": "1.1",
      "otel.kind": "server",
      "otel.name": "DELETE /toys/{id}",
      "url.path": "/toys/00000000-0000-0000-0000-000000000000",
      "url.scheme": "http"
    }
    "#);
    let field = |span: &BTreeMap<_, String>, name| span.get(name).map_or("-", |v| v).to_owned();
    let names = [
        "otel.name",
        "http.response.status_code",
        "otel.status_code",
        "error.type",
    ];
    let ends = spans
        .iter()
        .map(|span| names.map(|name| field(span, name)).join(" "));
    insta::assert_json_snapshot!(ends.collect::<Vec<_>>(), @r#"
    [
      "DELETE /toys/{id} 204 - -",
      "GET /toys/{id} 400 - -",
      "GET 404 - -",
      "GET /toys/unavailable 503 ERROR 503",
      "HTTP /toys 405 - -"
    ]
    "#);
}

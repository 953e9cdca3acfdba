//! What the pool and its statements count, measure and trace.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use app::core::database::{DataError, Database};
use metrics::Label;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use rstest::rstest;
use sea_orm::{ConnectionTrait, TransactionTrait};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, prelude::*, registry::LookupSpan};

use crate::{
    logs::Logs,
    support::database::{Kind, TestDatabase},
    toys::{add, count, many_rows},
};

#[rstest]
#[tokio::test]
async fn the_pool_counts_and_measures(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let measured = |pool: &Database| {
        metrics::with_local_recorder(&recorder, || pool.set_gauges());
        let taken = snapshotter.snapshot().into_vec();
        let values = taken.into_iter().map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> = key.labels().map(Label::value).collect();
            let number = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(values) => values.len().to_string(),
            };
            (format!("{} {}", key.name(), labels.join(",")), number)
        });
        values.collect::<BTreeMap<String, String>>()
    };
    let pool = metrics::with_local_recorder(&recorder, || {
        db.pool([("POOL_MAX_SIZE", "1"), ("POOL_TIMEOUT_SECS", "1")])
    });
    assert_eq!(measured(&pool)["db_client_connections used"], "0");
    let tx = pool.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();
    assert_eq!(measured(&pool)["db_client_connections used"], "1");
    let waiting = add(&pool, "car");
    let (refused, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        assert_eq!(
            measured(&pool)["db_client_connection_pending_requests "],
            "1"
        );
    });
    assert!(DataError::from(refused.unwrap_err()).is_pool_timeout());
    drop(tx);
    add(&pool, "doll").await.unwrap();

    let values = measured(&pool);
    let writers = if kind == Kind::Sqlite { "2" } else { "1" }; // and one that reads
    for (name, value) in [
        ("db_client_connection_max ", writers),
        ("db_client_connections idle", "1"),
        ("db_client_connections used", "0"),
        ("db_client_connection_timeouts_total ", "1"),
    ] {
        assert_eq!(values[name], value, "{name}: {values:#?}");
    }
    for name in ["wait", "use", "create"] {
        let name = format!("db_client_connection_{name}_time_seconds ");
        assert!(values.contains_key(&name), "{name}: {values:#?}");
    }
    for operation in ["BEGIN", "INSERT", "ROLLBACK"] {
        let name = format!("db_client_operation_duration_seconds {operation}");
        assert!(values.contains_key(&name), "{name}: {values:#?}");
    }
}

#[rstest]
#[tokio::test]
async fn each_statement_has_a_span_without_its_values_between_checkout_and_release(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let spans = Spans::default();
    let _collecting =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    add(db.database(), "top secret").await.unwrap();
    add(db.database(), "top secret").await.unwrap_err();
    let all = spans.0.lock().unwrap().clone();
    let (system, violation) = match kind {
        Kind::Sqlite => ("sqlite", "2067"),
        Kind::Postgres => ("postgresql", "23505"),
    };
    // through a pooler each is in a transaction of its own, whose statements have spans, too
    let mut steps: Vec<_> = all.iter().map(|span| span["name"].as_str()).collect();
    steps.dedup();
    assert_eq!(steps, ["checkout", "statement", "release"].repeat(2));
    let is_insert = |span: &&BTreeMap<_, String>| {
        span.get("db.operation.name")
            .is_some_and(|name| name == "INSERT")
    };
    let [good, bad] = all.iter().filter(is_insert).collect::<Vec<_>>()[..] else {
        panic!("{all:#?}")
    };
    for (field, value) in [
        ("otel.name", "INSERT"),
        ("otel.kind", "client"),
        ("db.system.name", system),
    ] {
        assert_eq!(good[field], value, "{good:#?}");
    }
    assert!(
        good["db.query.text"].starts_with("INSERT INTO"),
        "{good:#?}"
    );
    assert!(!good.contains_key("otel.status_code"), "{good:#?}");
    assert_eq!(bad["otel.status_code"], "ERROR", "{bad:#?}");
    assert_eq!(bad["error.type"], violation, "{bad:#?}");
    assert!(!format!("{all:?}").contains("top secret"), "{all:#?}");
}

#[rstest]
#[tokio::test]
async fn a_slow_statement_says_how_many_rows_it_had(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("SLOW_STATEMENT_MS", "1")]);
    let logs = Logs::capture();
    let rows = pool.query_all_raw(many_rows(&pool)).await.unwrap();
    assert_eq!(rows.len(), 100_000);
    logs.assert_line(&["slow statement", "elapsed_ms=", "rows=100000"]);
    assert_eq!(count(&pool).await, 0);
}

/// The name and the fields of each span of the data layer, those recorded later among them.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Which of the spans it is.
struct Place(usize);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Spans {
    fn on_new_span(&self, span: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if span.metadata().target() == "app::sql" {
            let mut fields = BTreeMap::from([("name", span.metadata().name().to_owned())]);
            span.record(&mut Fields(&mut fields));
            let mut all = self.0.lock().unwrap();
            let place = Place(all.len());
            context.span(id).unwrap().extensions_mut().insert(place);
            all.push(fields);
        }
    }

    fn on_record(&self, id: &span::Id, record: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(Place(place)) = context.span(id).unwrap().extensions().get() {
            record.record(&mut Fields(&mut self.0.lock().unwrap()[*place]));
        }
    }
}

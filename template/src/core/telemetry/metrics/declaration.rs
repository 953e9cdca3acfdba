use std::fmt;

use crate::core::registry::{Entry, Origin};

/// What a metric's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, until the process ends. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many values there were, and how large, by buckets from 1 ms to 20 s.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// A declared metric; made by [`register_metrics!`](crate::register_metrics).
#[derive(Debug)]
pub struct Metric {
    /// What its values mean.
    pub kind: Kind,
    /// Its name in Prometheus, with its unit: `http_server_request_duration_seconds`.
    pub name: &'static str,
    /// What it counts or measures.
    pub help: &'static str,
    /// The names of its labels. A value may leave out some of them.
    pub labels: &'static [&'static str],
    #[doc(hidden)]
    pub origin: Origin,
}

impl Metric {
    /// Tells the recorder what the metric means. One without labels has only one value, which is there from the start: an alert on
    /// a counter that appears with its first event would miss that event.
    pub(super) fn describe(&self) {
        let Self { name, help, .. } = *self;
        match self.kind {
            Kind::Counter => metrics::describe_counter!(name, help),
            Kind::Gauge => metrics::describe_gauge!(name, help),
            Kind::Histogram => metrics::describe_histogram!(name, help),
        }
        if !self.labels.is_empty() {
            return;
        }
        match self.kind {
            Kind::Counter => metrics::counter!(name).increment(0),
            Kind::Gauge => metrics::gauge!(name).increment(0),
            Kind::Histogram => drop(metrics::histogram!(name)),
        }
    }
}

inventory::collect!(Metric);

impl Entry for Metric {
    const KIND: &'static str = "metric";

    fn key(&self) -> String {
        self.name.to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Declares metrics: `counter`, `gauge` or `histogram`, the name (a constant or a literal), what it means, and its labels. Names and
/// labels are those of OpenTelemetry's semantic conventions, with underscores and the unit.
///
/// ```
/// use app::core::telemetry::metrics::register_metrics;
///
/// const SOLD: &str = "shop_items_sold_total";
///
/// register_metrics! {
///     counter SOLD: "Items that were sold.", labels ["shop"];
///     gauge "shop_open": "Whether the shop is open.";
/// }
///
/// metrics::counter!(SOLD, "shop" => "north").increment(1);
/// ```
#[macro_export]
macro_rules! register_metrics {
    (@kind counter) => { $crate::core::telemetry::metrics::Kind::Counter };
    (@kind gauge) => { $crate::core::telemetry::metrics::Kind::Gauge };
    (@kind histogram) => { $crate::core::telemetry::metrics::Kind::Histogram };
    (@labels) => { &[] };
    (@labels $labels:expr) => { &$labels };
    (@name $name:path) => { $name };
    (@name $name:literal) => { $name };
    () => {};
    ($kind:ident $name:literal: $help:literal $(, labels $labels:expr)?; $($rest:tt)*) => {
        $crate::register_metrics! { @submit $kind $name, $help $(, $labels)? }
        $crate::register_metrics! { $($rest)* }
    };
    ($kind:ident $name:path: $help:literal $(, labels $labels:expr)?; $($rest:tt)*) => {
        $crate::register_metrics! { @submit $kind $name, $help $(, $labels)? }
        $crate::register_metrics! { $($rest)* }
    };
    (@submit $kind:ident $name:expr, $help:literal $(, $labels:expr)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::telemetry::metrics::Metric {
                kind: $crate::register_metrics!(@kind $kind),
                name: $name,
                help: $help,
                labels: $crate::register_metrics!(@labels $($labels)?),
                origin: $crate::origin!(),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::registry;

    static FIRST: Metric = metric("src/a.rs");
    static SECOND: Metric = metric("src/b.rs");

    const fn metric(file: &'static str) -> Metric {
        Metric {
            kind: Kind::Gauge,
            name: "doors_open",
            help: "Doors that are open.",
            labels: &[],
            origin: Origin {
                module: "app",
                file,
            },
        }
    }

    #[test]
    fn a_metric_declared_twice_names_both_files() {
        let error = registry::sorted(vec![&SECOND, &FIRST]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "metric `doors_open` is registered twice: in src/a.rs and in src/b.rs"
        );
    }

    #[test]
    fn the_name_of_a_metric_says_its_kind_and_unit() {
        for metric in registry::entries::<Metric>().unwrap() {
            let Metric { kind, name, .. } = metric;
            let well_named = match kind {
                Kind::Counter => name.ends_with("_total"),
                // What promtool would say, too.
                Kind::Gauge => ["_total", "_count", "_sum", "_bucket"]
                    .iter()
                    .all(|reserved| !name.ends_with(reserved)),
                Kind::Histogram => name.ends_with("_seconds"),
            };
            assert!(well_named, "{metric:?}: the {kind} {name}");
            assert!(metric.help.ends_with('.'), "{metric:?}: a sentence");
        }
    }
}

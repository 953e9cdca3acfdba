//! The goals, all of them: what is measured, and what it should be.
//!
//! Wherever it can be, a goal is a ratio of two figures of one run: the machine is in both.

use std::fmt;

use super::Section;
use super::samples::{Samples, Spread};

/// What is wanted of a figure.
pub(super) struct Goal {
    /// What the JSON and the baseline call it.
    pub(super) id: &'static str,
    /// What people call it.
    pub(super) name: &'static str,
    /// Which measures it.
    pub(super) section: Section,
    pub(super) of: Of,
    pub(super) bound: Bound,
    /// `×`, `µs`, `MiB`
    pub(super) unit: &'static str,
}

/// How a figure follows from samples.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// As it was measured.
    Value(&'static str),
    /// The one divided by the other, of the same round.
    Ratio(&'static str, &'static str),
    /// The one less the other, of the same round.
    Difference(&'static str, &'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// It is reported, and that is all.
    Reported,
}

/// The table.
pub(super) const GOALS: &[Goal] = &[
    Goal {
        id: "get_cpu",
        name: "GET by id: CPU per request, of bare axum + tokio-postgres",
        section: Section::Requests,
        of: Of::Ratio("get/service/cpu", "get/bare/cpu"),
        bound: Bound::AtMost(1.7),
        unit: "×",
    },
    Goal {
        id: "list_cpu",
        name: "list of 20: CPU per request, of bare",
        section: Section::Requests,
        of: Of::Ratio("list/service/cpu", "list/bare/cpu"),
        bound: Bound::AtMost(1.8),
        unit: "×",
    },
    Goal {
        id: "post_cpu",
        name: "POST: CPU per request, of bare",
        section: Section::Requests,
        of: Of::Ratio("post/service/cpu", "post/bare/cpu"),
        bound: Bound::AtMost(1.7),
        unit: "×",
    },
    Goal {
        id: "get_rps",
        name: "GET by id: requests per second, of bare",
        section: Section::Requests,
        of: Of::Ratio("get/service/rps", "get/bare/rps"),
        bound: Bound::AtLeast(0.63),
        unit: "×",
    },
    Goal {
        id: "get_p99",
        name: "GET by id: p99 at that load, of bare",
        section: Section::Requests,
        of: Of::Ratio("get/service/p99", "get/bare/p99"),
        bound: Bound::AtMost(2.0),
        unit: "×",
    },
    Goal {
        id: "stack",
        name: "the whole stack on a static route: CPU per request over bare axum",
        section: Section::Requests,
        of: Of::Difference("static/service/cpu", "static/bare/cpu"),
        bound: Bound::AtMost(6.0),
        unit: "µs",
    },
    Goal {
        id: "fastapi_cpu",
        name: "GET by id: CPU of FastAPI + asyncpg with the same middleware, of ours",
        section: Section::Requests,
        of: Of::Ratio("get/fastapi-production/cpu", "get/service/cpu"),
        bound: Bound::AtLeast(6.0),
        unit: "×",
    },
    Goal {
        id: "sqlalchemy_cpu",
        name: "GET by id: CPU of FastAPI + SQLAlchemy, of ours",
        section: Section::Requests,
        of: Of::Ratio("get/fastapi-sqlalchemy/cpu", "get/service/cpu"),
        bound: Bound::AtLeast(15.0),
        unit: "×",
    },
    Goal {
        id: "no_log_lines",
        name: "GET by id with LOG_LEVEL=warn, no line for each request: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/no-log-lines/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "debug_log",
        name: "GET by id with LOG_LEVEL=debug: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/debug-log/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "no_limiter",
        name: "GET by id with RATE_LIMIT_ENABLED=false: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/no-limiter/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "traces",
        name: "GET by id with OTEL_EXPORTER_OTLP_ENDPOINT where no collector is and OTEL_LOGS_EXPORTER=none: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/traced/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "sampled_traces",
        name: "GET by id with these and OTEL_TRACES_SAMPLER=parentbased_traceidratio, OTEL_TRACES_SAMPLER_ARG=0.1: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/sampled/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "traces_and_logs",
        name: "GET by id with OTEL_EXPORTER_OTLP_ENDPOINT where no collector is, log lines sent there, too: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/traced-and-logged/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "pooler",
        name: "GET by id with DATABASE_POOLER=transaction, each statement a transaction: CPU, of what it is as shipped",
        section: Section::Settings,
        of: Of::Ratio("settings/pooler/cpu", "settings/default/cpu"),
        bound: Bound::Reported,
        unit: "×",
    },
    Goal {
        id: "coalescing",
        name: "one hot key: requests per second, of the same route without sharing",
        section: Section::Coalescing,
        of: Of::Ratio("hot/coalesced/rps", "hot/plain/rps"),
        bound: Bound::AtLeast(3.0),
        unit: "×",
    },
    Goal {
        id: "idle_memory",
        name: "memory, idle",
        section: Section::Memory,
        of: Of::Value("memory/idle"),
        bound: Bound::AtMost(14.0),
        unit: "MiB",
    },
    Goal {
        id: "loaded_memory",
        name: "memory after load",
        section: Section::Memory,
        of: Of::Value("memory/loaded"),
        bound: Bound::AtMost(26.0),
        unit: "MiB",
    },
    Goal {
        id: "otlp_memory",
        name: "memory after load, with OTLP on and no collector",
        section: Section::Memory,
        of: Of::Value("memory/otlp-loaded"),
        bound: Bound::AtMost(40.0),
        unit: "MiB",
    },
    Goal {
        id: "connection_memory",
        name: "memory per idle connection, of 10,000",
        section: Section::Connections,
        of: Of::Value("connection/service"),
        bound: Bound::Reported,
        unit: "KiB",
    },
    Goal {
        id: "start",
        name: "start to the first answer, nothing to migrate",
        section: Section::Start,
        of: Of::Value("start/service"),
        bound: Bound::AtMost(40.0),
        unit: "ms",
    },
    Goal {
        id: "stream",
        name: "a million rows streamed: rows per second, of a bare loop",
        section: Section::Stream,
        of: Of::Ratio("stream/service/rows", "stream/bare/rows"),
        bound: Bound::AtLeast(0.6),
        unit: "×",
    },
    Goal {
        id: "stream_memory",
        name: "a million rows streamed: growth of memory",
        section: Section::Stream,
        of: Of::Value("stream/service/growth"),
        bound: Bound::AtMost(4.0),
        unit: "MiB",
    },
    Goal {
        id: "cold_build",
        name: "cold debug build",
        section: Section::Builds,
        of: Of::Value("builds/cold"),
        bound: Bound::AtMost(210.0),
        unit: "s",
    },
    Goal {
        id: "incremental_build",
        name: "build after touching one route",
        section: Section::Builds,
        of: Of::Value("builds/incremental"),
        bound: Bound::AtMost(4.0),
        unit: "s",
    },
    Goal {
        id: "stripped",
        name: "release binary, stripped",
        section: Section::Builds,
        of: Of::Value("builds/stripped"),
        bound: Bound::AtMost(24.0),
        unit: "MB",
    },
];

/// What the goals are called.
pub(crate) fn goals() -> impl Iterator<Item = &'static str> {
    GOALS.iter().map(|goal| goal.id)
}

impl Goal {
    /// Whether it is a figure of one thing as a share of another's, measured on the same machine.
    pub(super) fn is_ratio(&self) -> bool {
        matches!(self.of, Of::Ratio(..))
    }

    /// The figure; none if it wasn't measured.
    pub(super) fn figure(&self, samples: &Samples) -> Option<Spread> {
        let both = |left: &str, right: &str, join: fn(f64, f64) -> f64| {
            let pairs = samples.of(left).iter().zip(samples.of(right));
            pairs.map(|(left, right)| join(*left, *right)).collect()
        };
        let values: Vec<f64> = match self.of {
            Of::Value(key) => samples.of(key).to_vec(),
            Of::Ratio(left, right) => both(left, right, |left, right| left / right),
            Of::Difference(left, right) => both(left, right, |left, right| left - right),
        };
        Spread::of(&values)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Reported => f.write_str("–"),
        }
    }
}

impl Bound {
    /// By how much a value is worse than another, as a share of that; less than 0 if it is better.
    ///
    /// Of what may be next to nothing, such as growth of memory, the share is that of a tenth of the goal: twice nothing is not worse.
    pub(super) fn worse(self, value: f64, before: f64) -> f64 {
        let more = value - before;
        match self {
            Self::AtLeast(_) => -more / before,
            Self::AtMost(most) => more / before.max(most / 10.0),
            Self::Reported => more / before,
        }
    }

    /// Whether a value keeps to it; none if nothing is wanted.
    pub(super) fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(value <= most),
            Self::AtLeast(least) => Some(value >= least),
            Self::Reported => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worse_is_a_share_of_what_was_or_of_the_goal() {
        for (bound, value, before, percent) in [
            (Bound::AtMost(40.0), 30.0, 20.0, "50"),
            (Bound::AtMost(40.0), 15.0, 20.0, "-25"),
            (Bound::AtLeast(3.0), 3.0, 4.0, "25"),
            // next to nothing, nothing, and less than nothing
            (Bound::AtMost(4.0), 0.06, 0.02, "10"),
            (Bound::AtMost(4.0), 0.04, 0.0, "10"),
            (Bound::AtMost(6.0), 0.0, -0.12, "20"),
        ] {
            let worse = bound.worse(value, before) * 100.0;
            assert_eq!(format!("{worse:.0}"), percent, "{bound:?} {value} {before}");
        }
    }
}

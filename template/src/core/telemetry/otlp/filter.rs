use opentelemetry::{Context as OtelContext, trace::TraceContextExt};
use tracing::{Metadata, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{
    filter::Targets,
    layer::{Context, Filter},
};

use crate::core::telemetry::LOG_ONLY;

/// What becomes part of a trace: spans, not events, which are log lines; those of the service's own code down to `debug`, where
/// statements are, and others' down to `info`. The level of the log has no say in it.
///
/// Within a trace that is not recorded no span is made at all: the one of the request tells what others must know.
pub(super) struct Traced {
    levels: Targets,
}

impl Traced {
    pub(super) fn new() -> Self {
        let levels = Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
        Self { levels }
    }

    fn may_be(&self, what: &Metadata<'_>) -> bool {
        let (target, level) = (what.target(), what.level());
        what.is_span() && target != LOG_ONLY && self.levels.would_enable(target, level)
    }
}

impl<S> Filter<S> for Traced {
    fn enabled(&self, what: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.may_be(what) && !in_an_unrecorded_trace()
    }

    fn callsite_enabled(&self, what: &'static Metadata<'static>) -> Interest {
        if self.may_be(what) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

fn in_an_unrecorded_trace() -> bool {
    OtelContext::map_current(|context| {
        let span = context.span();
        context.has_active_span() && !span.span_context().is_sampled()
    })
}

//! Which trace the current work belongs to (W3C Trace Context): told by a caller, and passed on to other services.
//!
//! Where traces are made, the current span says it. Where they are not, the caller's context is passed on as it came, and log lines
//! carry its ids: so a trace is not cut in two by a service that takes no part in it.

use std::pin::Pin;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;
use tracing::{Instrument, Span};

use crate::core::request_id::RequestId;

/// The header with trace, span and whether the caller records them.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header with what tracing systems add to that.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What must be passed on of a `tracestate`, in bytes; each span that waits to be sent keeps it. A longer one is dropped.
const STATE_BYTES: usize = 512;

tokio::task_local! {
    static PASSED_ON: TraceContext;
}

/// A trace, and the span in it that work is done for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) flags: u8,
    pub(super) state: Option<HeaderValue>,
}

impl TraceContext {
    /// What a caller sent. An invalid `traceparent` counts as none, as does a second one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (all.next(), all.next()) else {
            return None;
        };
        let mut context = Self::parse(parent.to_str().ok()?)?;
        let state = headers.get(TRACESTATE);
        context.state = state.filter(|state| state.len() <= STATE_BYTES).cloned();
        Some(context)
    }

    /// `00-<32 hex digits>-<16>-<2>`, in lower case; versions to come may add something.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let context = Self {
            trace_id: hex(parts.next()?, 32)?,
            span_id: u64::try_from(hex(parts.next()?, 16)?).ok()?,
            flags: u8::try_from(hex(parts.next()?, 2)?).ok()?,
            state: None,
        };
        let complete = match version {
            0 => parts.next().is_none(),
            0xff => false,
            _ => true,
        };
        (complete && context.trace_id != 0 && context.span_id != 0).then_some(context)
    }

    /// Makes a span that has not been entered a child of the caller's.
    pub fn adopt(&self, span: &Span) {
        #[cfg(feature = "otlp")]
        super::otlp::set_parent(span, self);
        #[cfg(not(feature = "otlp"))]
        let _ = span;
    }

    /// Does `work` for this caller, where no span says so.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        PASSED_ON.scope(self, work)
    }

    /// The context of the current work.
    #[must_use]
    pub fn current() -> Option<Self> {
        #[cfg(feature = "otlp")]
        if let Some(context) = super::otlp::current_context() {
            return Some(context);
        }
        PASSED_ON.try_with(Clone::clone).ok()
    }

    /// The trace, as logs and headers write it.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span, as logs and headers write it.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }
}

/// Work that goes on in a task of its own, told under the request that is being answered: its log lines, its requests to other services
/// and its place in a trace.
pub fn carry_on<T: 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    let mut work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work.in_current_span());
    if let Some(caller) = TraceContext::current() {
        work = Box::pin(caller.scope(work));
    }
    if let Some(id) = RequestId::current() {
        work = Box::pin(id.scope(work));
    }
    work
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let well_formed = text.len() == digits && text.bytes().all(is_digit);
    u128::from_str_radix(text, 16).ok().filter(|_| well_formed)
}

/// Tells another service, in a request's headers, which trace the current work belongs to, if any.
pub fn inject(headers: &mut HeaderMap) {
    let Some(context) = TraceContext::current() else {
        return;
    };
    let (trace_id, span_id) = (context.trace_id, context.span_id);
    let parent = format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", context.flags);
    if let Ok(parent) = HeaderValue::from_str(&parent) {
        headers.insert(TRACEPARENT, parent);
        if let Some(state) = context.state {
            headers.insert(TRACESTATE, state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_callers_context_is_read() {
        let context = TraceContext::of(&headers(&[(TRACEPARENT, PARENT)])).unwrap();
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), "00f067aa0ba902b7");
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(TraceContext::of(&headers(&[(TRACEPARENT, later)])).is_some());
    }

    #[test]
    fn a_state_that_is_too_long_is_dropped() {
        let mut headers = headers(&[(TRACEPARENT, PARENT)]);
        for (length, is_kept) in [(512, true), (513, false)] {
            let state = format!("a={}", "b".repeat(length - 2));
            headers.insert(TRACESTATE, state.parse().unwrap());
            let context = TraceContext::of(&headers).unwrap();
            assert_eq!(context.state.is_some(), is_kept, "{length} bytes");
        }
    }

    #[test]
    fn an_invalid_context_counts_as_none() {
        for invalid in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let found = TraceContext::of(&headers(&[(TRACEPARENT, invalid)]));
            assert_eq!(found, None, "{invalid}");
        }
        let twice = headers(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)]);
        assert_eq!(TraceContext::of(&twice), None);
    }

    #[tokio::test]
    async fn where_no_span_is_made_the_callers_context_is_passed_on() {
        let sent = headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "congo=t61rcWkgMzE")]);
        let work = async {
            let mut passed_on = HeaderMap::new();
            inject(&mut passed_on);
            passed_on
        };
        let passed_on = TraceContext::of(&sent).unwrap().scope(work).await;
        assert_eq!(passed_on, sent);

        let mut outside = HeaderMap::new();
        inject(&mut outside);
        assert!(outside.is_empty());
    }
}

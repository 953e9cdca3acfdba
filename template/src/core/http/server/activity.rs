//! What a connection is doing, as far as its time limits ask.
//!
//! hyper's own timer for a request's head runs while a connection is idle, too: ten seconds for the head would be ten seconds between
//! two requests, and a load balancer that keeps connections for a minute would meet closed ones. And it has no timer at all before it
//! knows the protocol. So the socket and the requests say here what happens, and the connection's one alarm asks what is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::config::ServerConfig;

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a connection that is to end waits for the request that its client may have sent before it knew.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a client may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For its first bytes, and for each request's head that begins when nothing else is under way.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// Until it takes a part of what it is sent.
    pub(super) stall: Duration,
}

impl Limits {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            head: Duration::from_secs(config.header_read_timeout_secs),
            idle: Duration::from_secs(config.keep_alive_secs),
            stall: Duration::from_secs(config.write_stall_secs),
        }
    }

    /// For a connection that is to end: a request may be on its way, but not for long.
    pub(super) fn of_farewell(self) -> Self {
        Self {
            head: self.head.min(FAREWELL),
            idle: FAREWELL,
            ..self
        }
    }
}

/// Which time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request for long: the connection may go.
    Idle,
    /// The protocol or a request's head is not complete.
    Head,
    /// The client does not read.
    Stall,
}

impl Overdue {
    /// For the log: the setting to turn.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Idle => "SERVER_KEEP_ALIVE_SECS",
            Self::Head => "SERVER_HEADER_READ_TIMEOUT_SECS",
            Self::Stall => "SERVER_WRITE_STALL_SECS",
        }
    }
}

#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    leaving: AtomicBool,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    /// Requests whose answers have not been handed over to their end.
    requests: usize,
    /// Since when there is none.
    idle: Instant,
    /// Since when a head is being read; from the beginning of the connection for its first one. Of one that was begun together with the
    /// request before it this is not known until it is complete: it has the time between two requests.
    head: Option<Instant>,
    /// The next bytes may be the rest of a body that nobody read, not the beginning of a head.
    rest: bool,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// So many bytes were those of the preface.
    Unknown(usize),
    Http1,
    Http2,
}

impl Activity {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                protocol: Protocol::Unknown(0),
                requests: 0,
                idle: now,
                head: Some(now),
                rest: false,
                stalled: None,
            }),
            leaving: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client sent this.
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut state = self.state();
        match state.protocol {
            Protocol::Unknown(seen) => {
                let common = PREFACE[seen..].len().min(bytes.len());
                if bytes[..common] != PREFACE[seen..seen + common] {
                    state.protocol = Protocol::Http1;
                } else if seen + common < PREFACE.len() {
                    state.protocol = Protocol::Unknown(seen + common);
                } else {
                    state.protocol = Protocol::Http2;
                    state.head = None;
                    state.idle = Instant::now();
                }
            }
            Protocol::Http1 if state.requests == 0 && state.head.is_none() => {
                if state.rest {
                    state.rest = false;
                } else {
                    state.head = Some(Instant::now());
                }
            }
            Protocol::Http1 => state.rest = false,
            Protocol::Http2 => {}
        }
    }

    /// The socket took something, or nothing more.
    pub(super) fn takes(&self, takes: bool) {
        let mut state = self.state();
        if takes {
            state.stalled = None;
        } else if state.stalled.is_none() {
            state.stalled = Some(Instant::now());
        }
    }

    /// A request's head is complete.
    pub(super) fn request_begins(&self) {
        let mut state = self.state();
        state.requests += 1;
        state.head = None;
        state.rest = false;
    }

    /// Nobody reads the rest of a request's body.
    pub(super) fn body_is_left(&self) {
        self.state().rest = true;
    }

    /// A request's answer has been handed over.
    pub(super) fn request_ends(&self) {
        let mut state = self.state();
        state.requests -= 1;
        if state.requests == 0 {
            state.idle = Instant::now();
        }
    }

    /// From now on answers tell the client to connect elsewhere.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.state().protocol == Protocol::Http2
    }

    /// Whether a request of HTTP/1 has begun, or is expected to: the first one.
    pub(super) fn awaits_head(&self) -> bool {
        let state = self.state();
        state.head.is_some() && state.protocol != Protocol::Http2
    }

    /// What the client may take its time for begins anew.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        let now = Instant::now();
        state.idle = now;
        state.head = state.head.map(|_| now);
    }

    /// What is due next, and when; nothing, while a request is under way and its client takes what it is sent.
    pub(super) fn due(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let state = self.state();
        if let Some(since) = state.stalled {
            Some((since + limits.stall, Overdue::Stall))
        } else if state.requests > 0 {
            None
        } else if let Some(since) = state.head {
            Some((since + limits.head, Overdue::Head))
        } else {
            Some((state.idle + limits.idle, Overdue::Idle))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(1),
        idle: Duration::from_mins(1),
        stall: Duration::from_secs(30),
    };

    fn due(activity: &Activity) -> Option<Overdue> {
        activity.due(&LIMITS).map(|(_, overdue)| overdue)
    }

    #[test]
    fn a_head_has_its_time_and_the_pause_after_its_answer_another() {
        let activity = Activity::begin();
        assert_eq!(due(&activity), Some(Overdue::Head));
        activity.received(b"GET / HTTP/1.1\r\n");
        assert_eq!(due(&activity), Some(Overdue::Head));
        activity.request_begins();
        assert_eq!(due(&activity), None);
        activity.request_ends();
        assert_eq!(due(&activity), Some(Overdue::Idle));
        activity.received(b"G");
        assert_eq!(due(&activity), Some(Overdue::Head));
    }

    #[test]
    fn further_bytes_of_a_head_give_it_no_more_time() {
        let activity = Activity::begin();
        activity.received(b"GET / HT");
        activity.request_begins();
        activity.request_ends();
        activity.received(b"G");
        let first = activity.due(&LIMITS);
        activity.received(b"ET");
        assert_eq!(activity.due(&LIMITS), first);
        assert_eq!(due(&activity), Some(Overdue::Head));
    }

    #[test]
    fn what_nobody_reads_of_a_body_is_no_head() {
        let activity = Activity::begin();
        activity.received(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n");
        activity.request_begins();
        activity.body_is_left();
        activity.request_ends();
        activity.received(b"{}");
        assert_eq!(due(&activity), Some(Overdue::Idle));
        activity.received(b"G");
        assert_eq!(due(&activity), Some(Overdue::Head));
    }

    #[test]
    fn what_is_left_of_a_body_may_come_before_the_answer_has_ended() {
        let activity = Activity::begin();
        activity.received(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n");
        activity.request_begins();
        activity.body_is_left();
        activity.received(b"{}");
        activity.request_ends();
        activity.received(b"G");
        assert_eq!(due(&activity), Some(Overdue::Head));
    }

    #[test]
    fn the_preface_is_found_in_pieces_and_ends_the_time_for_heads() {
        let activity = Activity::begin();
        for byte in PREFACE {
            assert_eq!(due(&activity), Some(Overdue::Head));
            activity.received(&[*byte]);
        }
        assert_eq!(due(&activity), Some(Overdue::Idle));
        activity.received(b"PRI");
        assert_eq!(due(&activity), Some(Overdue::Idle));
    }

    #[test]
    fn what_only_begins_like_the_preface_is_http1() {
        let activity = Activity::begin();
        activity.received(b"PRI");
        activity.received(b"NT / HTTP/1.1\r\n");
        activity.request_begins();
        activity.request_ends();
        activity.received(PREFACE);
        assert_eq!(due(&activity), Some(Overdue::Head));
    }

    #[test]
    fn a_client_that_takes_nothing_is_in_default_whatever_runs() {
        let activity = Activity::begin();
        activity.request_begins();
        activity.takes(false);
        let first = activity.due(&LIMITS);
        assert_eq!(due(&activity), Some(Overdue::Stall));
        activity.takes(false);
        assert_eq!(activity.due(&LIMITS), first);
        activity.takes(true);
        assert_eq!(due(&activity), None);
    }
}

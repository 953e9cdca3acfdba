//! What is tried again, and when.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Request, StatusCode};

/// The most that is waited before the second attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The most that is waited before any attempt, unless the other service asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// With it a client lets a server recognise a request that comes a second time.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether sending it twice does no more than sending it once.
pub(super) fn is_repeatable(request: &Request) -> bool {
    request.method().is_idempotent() || request.headers().contains_key(IDEMPOTENCY_KEY)
}

/// Whether this answer says that another attempt may fare better.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Whether the request broke down on its way: no connection, or one that ended before the answer began. Not if it took too long: the
/// other service is still at it, and would have it twice.
pub(super) fn is_broken(error: &reqwest::Error) -> bool {
    error.is_connect() || (error.is_request() && !error.is_timeout())
}

/// How long to wait before this attempt (the second is 1). Somewhere between nothing and the most, so that those who failed together
/// don't come back together; not before the time that the other service names.
pub(super) fn pause(attempt: u32, retry_after: Option<Duration>) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(10));
    let pause = most.min(LONGEST_PAUSE).mul_f64(fastrand::f64());
    retry_after.unwrap_or_default().saturating_add(pause)
}

/// What `Retry-After` says, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let left = date.duration_since(SystemTime::now());
    Some(left.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers("7")), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(5));
        let left = retry_after(&headers(&date)).unwrap();
        assert!(
            left > Duration::from_mins(4) && left <= Duration::from_mins(5),
            "{left:?}"
        );
        let past = retry_after(&headers("Wed, 21 Oct 2015 07:28:00 GMT"));
        assert_eq!(past, Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(&headers(nonsense)), None, "{nonsense:?}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_never_end_before_what_the_other_side_asks() {
        let longest = |attempt| (0..200).map(|_| pause(attempt, None)).max().unwrap();
        assert!(longest(1) <= FIRST_PAUSE);
        assert!(longest(3) > FIRST_PAUSE && longest(3) <= FIRST_PAUSE * 4);
        assert!(longest(40) > LONGEST_PAUSE / 2 && longest(40) <= LONGEST_PAUSE);
        let asked = Duration::from_secs(7);
        assert!(pause(1, Some(asked)) >= asked);
        assert!(pause(1, Some(Duration::MAX)) == Duration::MAX);
    }
}

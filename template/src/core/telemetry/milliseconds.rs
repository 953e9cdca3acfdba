use std::time::Duration;

/// To the microsecond; more than an hour counts as one.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

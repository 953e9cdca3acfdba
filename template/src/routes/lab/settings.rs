//! What the settings `LAB_` allow.

use std::time::Duration;

use crate::core::http::{AppError, Result};
use crate::core::state::AppState;
use crate::services::lab::LabConfig;

/// The time that a pattern waits.
pub(super) fn delay(app: &AppState) -> Duration {
    Duration::from_millis(app.config.section::<LabConfig>().delay_ms)
}

/// This time of the parameter, unless it is longer than `LAB_MAX_SECS`.
pub(super) fn time(app: &AppState, parameter: &str, time: Duration) -> Result<Duration> {
    let most = app.config.section::<LabConfig>().max_secs;
    if time <= Duration::from_secs(most) {
        return Ok(time);
    }
    let wrong = format!("must be at most {most} s (LAB_MAX_SECS)");
    Err(AppError::parameter(parameter, wrong))
}

/// This number of the parameter, unless it is 0 or more than `LAB_MAX_REQUESTS`.
pub(super) fn number(app: &AppState, parameter: &str, number: u32) -> Result<u32> {
    let most = app.config.section::<LabConfig>().max_requests;
    if (1..=most).contains(&number) {
        return Ok(number);
    }
    let wrong = format!("must be from 1 to {most} (LAB_MAX_REQUESTS)");
    Err(AppError::parameter(parameter, wrong))
}

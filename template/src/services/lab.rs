//! The lab's settings. They are known without the Cargo feature, too, so that a file may name them whatever is built.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::core::config::{AppEnv, Checks, Defaults, Section};

/// The lab: how long its patterns take, and how much may be asked of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct LabConfig {
    /// Time that a pattern waits for another service, which is only played, or for the database.
    #[validate(range(min = 1, max = 60_000))]
    pub delay_ms: u64,
    /// Time that `/lab/slow_query` takes unless it is told otherwise.
    #[validate(range(min = 1, max = 3600))]
    pub slow_query_secs: u64,
    /// Time that `/lab/long_running_query` takes unless it is told otherwise.
    #[validate(range(min = 1, max = 3600))]
    pub long_running_query_secs: u64,
    /// The longest time that a query or a delay may be told to take. Requests have `SERVER_REQUEST_TIMEOUT_SECS` all the same.
    #[validate(range(min = 1, max = 3600))]
    pub max_secs: u64,
    /// Time that a connection is kept which `/lab/patterns/leaked_connection` forgets.
    #[validate(range(min = 1, max = 3600))]
    pub leak_secs: u64,
    /// The most statements that `/lab/performance` runs for one request, and the most rows of a stream.
    #[validate(range(min = 1, max = 1_000_000))]
    pub max_requests: u32,
}

impl Section for LabConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
            .with("delay_ms", 100)
            .with("slow_query_secs", 5)
            .with("long_running_query_secs", 10)
            .with("max_secs", 15)
            .with("leak_secs", 5)
            .with("max_requests", 10_000)
    }

    /// Otherwise a request that says nothing would be refused for what it did not say.
    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        let most = Duration::from_secs(self.max_secs);
        let times = [
            ("delay_ms", Duration::from_millis(self.delay_ms)),
            ("slow_query_secs", Duration::from_secs(self.slow_query_secs)),
            (
                "long_running_query_secs",
                Duration::from_secs(self.long_running_query_secs),
            ),
        ];
        let too_long = times.into_iter().filter(|(_, time)| *time > most);
        // It is told where somebody set something, since nobody can go to a default.
        let (set, defaults): (Vec<_>, Vec<_>) =
            too_long.partition(|(field, _)| checks.is_set(field));
        for (field, _) in set {
            let reason = format!("must not exceed LAB_MAX_SECS, which is {}", self.max_secs);
            checks.refuse(field, &reason, &[]);
        }
        if let Some((field, time)) = defaults.into_iter().max_by_key(|(_, time)| *time) {
            let reason = format!("must be at least {}, which is {time:?}", checks.key(field));
            checks.refuse("max_secs", &reason, &[]);
        }
    }
}

crate::register_section! { "LAB_": LabConfig }

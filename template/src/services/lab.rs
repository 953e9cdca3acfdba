//! The lab's settings. They are known without the Cargo feature, too, so that a file may name them whatever is built.

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::core::config::{AppEnv, Defaults, Section};

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
}

crate::register_section! { "LAB_": LabConfig }

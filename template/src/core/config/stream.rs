use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Defaults, Section};

/// Answers that are sent while their rows are read.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct StreamConfig {
    /// Streams at a time; the next one is answered with 503.
    #[validate(range(min = 1, max = 100_000))]
    pub max_streams: usize,
    /// Rows that a stream fetches with one statement, if the request doesn't say. Only while it fetches does it have a database connection.
    #[validate(range(min = 1, max = 10_000))]
    pub fetch_size: u64,
    /// Time for which a client may stop reading before its stream is cut off.
    #[validate(range(min = 1, max = 3600))]
    pub stall_secs: u64,
}

impl Section for StreamConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
            .with("max_streams", 100)
            .with("fetch_size", 500)
            .with("stall_secs", 20)
    }
}

super::register_section! { "STREAM_": StreamConfig }

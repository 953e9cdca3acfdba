use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Defaults, Section};

/// Requests with an `Idempotency-Key`, which have one effect however often they are sent.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct IdempotencyConfig {
    /// Time for which a key and its answer are kept.
    #[validate(range(min = 1, max = 31_536_000))]
    pub ttl_secs: u64,
}

impl Section for IdempotencyConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new().with("ttl_secs", 86_400)
    }
}

super::register_section! { "IDEMPOTENCY_": IdempotencyConfig }

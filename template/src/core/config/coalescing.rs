use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Defaults, Section};

/// Callers that want the same at the same time, and share one load.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct CoalescingConfig {
    /// Whether loads are shared. Without it each caller loads for itself.
    pub enabled: bool,
    /// Time for which a value is given out after its load has ended, in milliseconds. 0: only to those who asked while it ran.
    /// A write of this replica ends it at once, one of another replica doesn't.
    #[validate(range(max = 60_000))]
    pub ttl_ms: u64,
    /// Keys that are known at a time, of each kind of load. Beyond that, callers load for themselves.
    #[validate(range(min = 1, max = 1_000_000))]
    pub max_keys: usize,
}

impl Section for CoalescingConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
            .with("enabled", true)
            .with("ttl_ms", 0)
            .with("max_keys", 10_000)
    }
}

super::register_section! { "COALESCING_": CoalescingConfig }

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Defaults, Section};

/// The description of the API.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct DocsConfig {
    /// Whether /docs and /openapi.json are served.
    pub enabled: bool,
}

impl Section for DocsConfig {
    fn defaults(env: AppEnv) -> Defaults {
        Defaults::new().with("enabled", env != AppEnv::Prod)
    }
}

super::register_section! { "DOCS_": DocsConfig }

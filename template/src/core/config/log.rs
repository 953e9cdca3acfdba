use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Defaults, Section};

/// The log, which goes to standard output.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct LogConfig {
    /// `pretty` for people, `json` for machines: one object a line.
    pub format: LogFormat,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as `info,app=debug`. `RUST_LOG`
    /// wins.
    #[validate(length(min = 1))]
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one object a line.
    Json,
}

impl Section for LogConfig {
    fn defaults(env: AppEnv) -> Defaults {
        let (format, level) = match env {
            AppEnv::Local => ("pretty", "debug"),
            AppEnv::Dev => ("json", "debug"),
            AppEnv::Uat | AppEnv::Prod => ("json", "info"),
        };
        Defaults::new().with("format", format).with("level", level)
    }
}

super::register_section! { "LOG_": LogConfig }

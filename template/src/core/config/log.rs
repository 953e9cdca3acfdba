use schemars::JsonSchema;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, Section};

/// The log, which goes to standard output.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct LogConfig {
    /// `pretty` for people, `json` for machines: one object a line.
    pub format: LogFormat,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or directives such as `info,app=debug`. Below
    /// `info` a level counts for the service's own code; libraries have their say in directives only. `RUST_LOG` wins.
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

    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        let reason = check_level(&self.level).and_then(|()| check_directives(&self.level));
        if let Err(reason) = reason {
            checks.refuse("level", &reason, &[]);
        }
    }
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// A single word must be a level: for a filter any other one is the name of a target, so `warning` would silence everything else.
/// In `RUST_LOG` it may be one, as everywhere.
fn check_level(text: &str) -> Result<(), String> {
    let word = text.trim().to_ascii_lowercase();
    if word.contains(['=', ',']) || LEVELS.contains(&word.as_str()) {
        return Ok(());
    }
    let scored = LEVELS.map(|level| (strsim::jaro_winkler(&word, level), level));
    let nearest = scored.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest
        .filter(|(score, _)| *score >= 0.75)
        .map_or(String::new(), |(_, level)| {
            format!("; did you mean {level}?")
        });
    let levels = LEVELS.join(", ");
    Err(format!(
        "must be one of {levels}, or directives such as `info,app=debug`{hint}"
    ))
}

/// Whether the log can be filtered by this text; if not, why.
pub(super) fn check_directives(text: &str) -> Result<(), String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "must be a level or directives such as `info,app=debug`: {error}"
        )),
    }
}

super::register_section! { "LOG_": LogConfig }

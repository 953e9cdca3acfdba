use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, List, Section};

/// What pages of other origins may do (CORS).
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct CorsConfig {
    /// Origins whose pages may call this service, such as `https://app.example.com`, or `*` for all of them. None: browsers
    /// keep such pages away.
    pub allowed_origins: List,
    /// Methods that they may use.
    pub allowed_methods: List,
    /// Request headers that they may send.
    pub allowed_headers: List,
    /// Response headers that they may read.
    pub exposed_headers: List,
    /// Whether browsers send cookies and credentials along. Not together with `*`.
    pub allow_credentials: bool,
}

impl Section for CorsConfig {
    fn defaults(env: AppEnv) -> Defaults {
        let origins = match env {
            AppEnv::Local => "*",
            _ => "",
        };
        Defaults::new()
            .with("allowed_origins", origins)
            .with("allowed_methods", "GET,POST,PUT,PATCH,DELETE")
            .with(
                "allowed_headers",
                "authorization,content-type,if-match,x-request-id",
            )
            .with("exposed_headers", "etag,location,x-request-id")
            .with("allow_credentials", false)
    }

    fn check(&self, env: AppEnv, checks: &mut Checks<'_, '_>) {
        let any = self.allowed_origins.iter().any(|origin| origin == "*");
        if any && env != AppEnv::Local {
            checks.refuse(
                "allowed_origins",
                &format!("must list the origins: APP_ENV={env} refuses `*`"),
                &[],
            );
        }
        if any && self.allow_credentials {
            checks.refuse(
                "allow_credentials",
                "must be false while CORS_ALLOWED_ORIGINS is `*`",
                &["browsers refuse credentials from any origin: list the origins"],
            );
        }
        for origin in self.allowed_origins.iter().filter(|origin| *origin != "*") {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', '?', '#'])) {
                checks.refuse(
                    "allowed_origins",
                    "must hold origins: scheme, host and port, without a path or a final slash",
                    &[&format!(
                        "`{origin}` is none; `https://app.example.com` is one"
                    )],
                );
            }
        }
    }
}

super::register_section! { "CORS_": CorsConfig }

use axum::http::{HeaderName, HeaderValue, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, List, Section};

/// What pages of other origins may do (CORS).
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct CorsConfig {
    /// Origins whose pages may call this service, such as `https://app.example.com`, or `*` for all of them. None: browsers
    /// keep such pages away.
    pub allowed_origins: List<HeaderValue>,
    /// Methods that they may use.
    pub allowed_methods: List<Method>,
    /// Request headers that they may send.
    pub allowed_headers: List<HeaderName>,
    /// Response headers that they may read.
    pub exposed_headers: List<HeaderName>,
    /// Whether browsers send cookies and credentials along. Not together with `*` in one of the lists.
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
                "authorization,content-type,idempotency-key,if-match,x-request-id,x-request-timeout",
            )
            .with(
                "exposed_headers",
                "etag,idempotency-replayed,location,ratelimit,ratelimit-policy,retry-after,x-request-id",
            )
            .with("allow_credentials", false)
    }

    fn check(&self, env: AppEnv, checks: &mut Checks<'_, '_>) {
        let any_origin = self.allowed_origins.iter().any(|origin| origin == "*");
        if any_origin && !env.may_allow_any_origin() {
            checks.refuse(
                "allowed_origins",
                &format!("must list the origins: APP_ENV={env} refuses `*`"),
                &[],
            );
        }
        let any_method = self.allowed_methods.iter().any(|method| method == "*");
        let any = |headers: &[HeaderName]| headers.iter().any(|header| header == "*");
        let lists = [
            ("CORS_ALLOWED_ORIGINS", any_origin),
            ("CORS_ALLOWED_METHODS", any_method),
            ("CORS_ALLOWED_HEADERS", any(&self.allowed_headers)),
            ("CORS_EXPOSED_HEADERS", any(&self.exposed_headers)),
        ];
        let everything = lists.iter().filter(|(_, any)| *any).map(|(key, _)| *key);
        let everything: Vec<&str> = everything.collect();
        if self.allow_credentials && !everything.is_empty() {
            checks.refuse(
                "allow_credentials",
                &format!("must be false while {} holds `*`", everything.join(", ")),
                &["browsers take `*` at its word only without credentials: list what is meant"],
            );
        }
        for origin in self.allowed_origins.iter().filter(|origin| *origin != "*") {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            let is_host = |host: &str| {
                !host.is_empty()
                    && host.is_ascii()
                    && !host.contains(['/', '*', '?', '#', '@', ' '])
            };
            if !host.is_some_and(is_host) {
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

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{AppEnv, Checks, Defaults, Section};

/// The HTTP server.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct ServerConfig {
    /// Address the server listens on. Outside `local` that is every address of the machine: in a container nobody else could
    /// reach 127.0.0.1.
    pub host: IpAddr,
    /// Port the server listens on. 0 lets the system choose a free one.
    pub port: u16,
    /// Port of the management routes (health, version), which are not for clients. Without one they are on the same port.
    pub management_port: Option<u16>,
    /// Time a request may take before it is answered with 504.
    #[validate(range(min = 1, max = 3600))]
    pub request_timeout_secs: u64,
    /// Size a request's body may have before it is answered with 413.
    #[validate(range(min = 1, max = 1_073_741_824))]
    pub body_limit_bytes: usize,
    /// Time that running requests get to end, and the database to be closed, when the server is told to stop. Kubernetes
    /// kills 30 seconds after it asked.
    #[validate(range(min = 1, max = 3600))]
    pub shutdown_timeout_secs: u64,
    /// Threads that run requests. Without a number there is one for each processor.
    #[validate(range(min = 1, max = 1024))]
    pub worker_threads: Option<usize>,
    /// Threads for work that blocks, at most; they come when needed. Without a number the runtime's own limit holds, 512.
    #[validate(range(min = 1, max = 10_000))]
    pub blocking_threads: Option<usize>,
}

impl Section for ServerConfig {
    fn defaults(env: AppEnv) -> Defaults {
        let defaults = Defaults::new()
            .with("port", 8080)
            .with("request_timeout_secs", 20)
            .with("body_limit_bytes", 65_536)
            .with("shutdown_timeout_secs", 25);
        match env {
            AppEnv::Local => defaults.with("host", "127.0.0.1"),
            _ => defaults
                .with("host", "0.0.0.0")
                .with("management_port", 9090),
        }
    }

    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        // 0 is a free port, and another one each time.
        if self.port != 0 && self.management_port == Some(self.port) {
            let port = self.port;
            if checks.is_set("management_port") {
                let reason = format!("must not be SERVER_PORT, which is {port}, too");
                checks.refuse("management_port", &reason, &[]);
            } else {
                let reason = format!("must not be SERVER_MANAGEMENT_PORT, which is {port}, too");
                checks.refuse("port", &reason, &[]);
            }
        }
    }
}

super::register_section! { "SERVER_": ServerConfig }

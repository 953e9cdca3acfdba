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
    /// Time that a new connection has to send its first request's head, and that each further head may take from its first byte on. Then
    /// the connection is closed.
    #[validate(range(min = 1, max = 600))]
    pub header_read_timeout_secs: u64,
    /// Time that a connection without requests is kept. It should be more than what is in front of the service keeps its connections
    /// (mostly 60 seconds), or requests meet connections that are just being closed.
    #[validate(range(min = 1, max = 86_400))]
    pub keep_alive_secs: u64,
    /// Time in which a client must take a part of what it is sent. If it takes nothing for so long, its connection is closed; of
    /// HTTP/2, the stream is reset.
    #[validate(range(min = 1, max = 3600))]
    pub write_stall_secs: u64,
    /// Connections of clients at a time; further ones wait in the system's queue until one ends. Each needs an open file. Those to the
    /// management port are not counted.
    #[validate(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Requests of clients under way at a time; further ones are answered with 503 at once. Management routes are not counted.
    #[validate(range(min = 1, max = 100_000))]
    pub max_in_flight: usize,
    /// Size a request's body may have before it is answered with 413.
    #[validate(range(min = 1, max = 1_073_741_824))]
    pub body_limit_bytes: usize,
    /// Time that the server, told to stop, goes on serving, though not ready any more, so that balancers send clients elsewhere before
    /// connections are refused.
    #[validate(range(max = 600))]
    pub shutdown_drain_secs: u64,
    /// Time that running requests get to end after the drain, and the database to be closed; what is left is cut off. Kubernetes kills
    /// `terminationGracePeriodSeconds` (30) after it asked to stop, so that must be more than both times together.
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
            .with("header_read_timeout_secs", 10)
            .with("keep_alive_secs", 75)
            .with("write_stall_secs", 30)
            .with("max_connections", 10_000)
            .with("max_in_flight", 1024)
            .with("body_limit_bytes", 65_536)
            .with("shutdown_timeout_secs", 25);
        match env {
            // Nothing is in front of it, and Ctrl-C should be quick.
            AppEnv::Local => defaults
                .with("host", "127.0.0.1")
                .with("shutdown_drain_secs", 0),
            _ => defaults
                .with("host", "0.0.0.0")
                .with("management_port", 9090)
                .with("shutdown_drain_secs", 5),
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

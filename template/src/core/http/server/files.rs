//! Open files: each connection is one.

use tracing::warn;

#[cfg(feature = "http-client")]
use crate::core::config::HttpClientConfig;
use crate::core::config::{Config, DatabaseConfig, ServerConfig};

/// What is open besides connections: standard streams, listeners, the runtime's own, the database's files, certificates.
const OTHERS: u64 = 64;

/// Has the system allow as many open files as it may, and says if those are too few. The soft limit is kept low for the sake of
/// programs that can't handle many, which this is not.
pub(super) fn allow(config: &Config) {
    let needed = needed(config);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) if allowed < needed => warn!(
            allowed,
            needed,
            "too few open files for SERVER_MAX_CONNECTIONS: raise the limit (ulimit -n, LimitNOFILE), or lower the setting"
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, needed, "can't raise the limit of open files"),
    }
}

fn needed(config: &Config) -> u64 {
    let connections = config.section::<ServerConfig>().max_connections as u64;
    let database = u64::from(config.section::<DatabaseConfig>().pool_max_size);
    #[cfg(feature = "http-client")]
    let outbound = config.section::<HttpClientConfig>().max_connections as u64;
    #[cfg(not(feature = "http-client"))]
    let outbound = 0;
    connections + database + outbound + OTHERS
}

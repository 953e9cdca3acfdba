//! Open files: each connection is one.

use tracing::warn;

#[cfg(feature = "http-client")]
use crate::core::config::HttpClientConfig;
use crate::core::config::{Config, DatabaseConfig, ServerConfig};

/// What is open besides connections: standard streams, listeners, the runtime's own, the database's files, certificates, probes.
const OTHERS: usize = 64;

/// Has the system allow as many open files as it may, and gives how many connections of clients there can be: `SERVER_MAX_CONNECTIONS`,
/// or fewer, so that there are files left for the database and for probes. The soft limit is kept low for the sake of programs that
/// can't handle many, which this is not.
pub(super) fn allow(config: &Config) -> usize {
    let wanted = config.section::<ServerConfig>().max_connections;
    let allowed = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => {
            warn!(%error, "can't raise the limit of open files");
            return wanted;
        }
    };
    let possible = allowed.saturating_sub(others(config)).max(1);
    if possible < wanted {
        warn!(
            allowed,
            "too few open files for SERVER_MAX_CONNECTIONS, {wanted}: there will be {possible} at most; raise the limit (ulimit -n, LimitNOFILE), or lower the setting"
        );
    }
    wanted.min(possible)
}

fn others(config: &Config) -> usize {
    // At most 1000; the type is u32.
    let database = usize::try_from(config.section::<DatabaseConfig>().pool_max_size);
    #[cfg(feature = "http-client")]
    let outbound = config.section::<HttpClientConfig>().max_connections;
    #[cfg(not(feature = "http-client"))]
    let outbound = 0;
    database.unwrap_or(0) + outbound + OTHERS
}

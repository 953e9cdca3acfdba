//! Whether the pools of all replicas fit into what the server allows.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::pool::Database;

/// What is left of `max_connections` for ordinary users, or less if the user or the database has a limit of its own. PostgreSQL
/// before 16 has no `reserved_connections`.
const ALLOWED: &str = "SELECT LEAST( \
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint \
            - COALESCE(NULLIF(current_setting('reserved_connections', true), ''), '0')::bigint, \
        (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0), \
        (SELECT datconnlimit FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0))";

impl Database {
    /// Says in the log if they don't. Behind a pooler that is the pooler's business.
    pub(super) async fn check_that_pools_fit(&self) {
        let settings = self.settings();
        if self.backend() != DbBackend::Postgres || settings.pooled {
            return;
        }
        let wanted = i64::try_from(settings.max_size * settings.expected_replicas);
        let wanted = wanted.unwrap_or(i64::MAX);
        match self.allowed_connections().await {
            Ok(allowed) if wanted > allowed => tracing::warn!(
                pool_max_size = settings.max_size,
                expected_replicas = settings.expected_replicas,
                wanted,
                allowed,
                "the pools of all replicas don't fit into what the server allows: some will get no connection. Lower \
                 DATABASE_POOL_MAX_SIZE or DATABASE_EXPECTED_REPLICAS, or raise the server's max_connections"
            ),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "can't see how many connections the server allows");
            }
        }
    }

    async fn allowed_connections(&self) -> Result<i64, DbErr> {
        let statement = Statement::from_string(DbBackend::Postgres, ALLOWED);
        match self.query_one_raw(statement).await? {
            Some(row) => row.try_get_by_index(0),
            None => Ok(i64::MAX),
        }
    }
}

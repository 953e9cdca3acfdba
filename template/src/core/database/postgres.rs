//! Opening a connection to PostgreSQL.

use std::{sync::Once, time::Duration};

use sea_orm::{
    TransactionOptions,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection,
        postgres::PgConnectOptions,
    },
};

/// How often the server looks whether we are still there while it works for us. With it, hanging up ends the statement; the
/// pool's slot is held for [`HOLD`](super::guard::HOLD) until that has surely happened. Measured to cost nothing.
const CHECK_INTERVAL_MS: u64 = 10;

/// Opens a connection and gives it our settings.
///
/// They are sent as a statement, because a `PgBouncer` in front of the server refuses start-up options that it doesn't know.
pub(super) async fn connect(
    options: &PgConnectOptions,
    command_timeout: Option<Duration>,
) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    let timeout = timeout_setting(command_timeout);
    let both = format!("{timeout}; SET client_connection_check_interval = {CHECK_INTERVAL_MS}");
    match connection.execute(AssertSqlSafe(both)).await {
        Ok(_) => {}
        // PostgreSQL before 14 doesn't have it, and some systems can't do it
        Err(sqlx::Error::Database(refused)) => {
            warn_once(&*refused);
            connection.execute(AssertSqlSafe(timeout)).await?;
        }
        Err(error) => return Err(error),
    }
    Ok(connection)
}

/// The limit is the server's, so it holds whatever becomes of us. 0 is PostgreSQL's "none".
fn timeout_setting(command_timeout: Option<Duration>) -> String {
    let millis = command_timeout.map_or(0, |timeout| timeout.as_millis());
    format!("SET statement_timeout = {millis}")
}

fn warn_once(refused: &dyn sqlx::error::DatabaseError) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            reason = refused.message(),
            "the server can't watch for clients that hang up (client_connection_check_interval): a statement whose caller has \
             gone runs on until it ends or reaches the command timeout"
        );
    });
}

/// One message for all of it: stock SeaORM sends the isolation level in a second one.
pub(super) fn begin(options: TransactionOptions) -> String {
    let level = options.isolation_level;
    let level = level.map_or_else(String::new, |level| format!(" ISOLATION LEVEL {level}"));
    let mode = options.access_mode;
    let mode = mode.map_or_else(String::new, |mode| format!(" {mode}"));
    format!("BEGIN{level}{mode}")
}

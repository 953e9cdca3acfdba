//! Connections to PostgreSQL, and how they get our settings.

use std::{
    sync::{Arc, Once},
    time::Duration,
};

use sea_orm::{
    TransactionOptions,
    sqlx::{
        self, AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _,
        postgres::PgConnectOptions,
    },
};

use super::password::Password;

/// How often the server looks whether we are still there while it works for us. With it, hanging up ends the statement; the
/// pool's slot is held for [`HOLD`](super::guard::HOLD) until that has surely happened. Measured to cost nothing.
const CHECK_INTERVAL_MS: u64 = 10;

/// Where a server is, and what holds for our connections to it.
#[derive(Clone)]
pub(super) struct Server {
    /// All but the password.
    pub(super) options: PgConnectOptions,
    pub(super) password: Arc<Password>,
    /// Settings of the owner's that are sent with ours: behind a pooler, which refuses them as start-up options.
    pub(super) settings: Vec<(String, String)>,
    /// A pooler stands between, and gives a connection a server for one transaction at a time.
    pub(super) pooled: bool,
}

/// A connection to a PostgreSQL server.
pub(super) struct Pg {
    connection: PgConnection,
    /// Behind a pooler: our settings, which each transaction must bring along, since the next may run on another server.
    of_transaction: Option<String>,
}

impl Pg {
    /// Opens a connection and gives it our settings.
    ///
    /// They are sent as statements, because a `PgBouncer` in front of the server refuses start-up options that it doesn't know.
    pub(super) async fn connect(
        server: &Server,
        command_timeout: Option<Duration>,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = server.password.open(&server.options).await?;
        let scope = if server.pooled { "SET LOCAL" } else { "SET" };
        // the limit is the server's, so it holds whatever becomes of us; 0 is PostgreSQL's "none"
        let millis = command_timeout.map_or(0, |timeout| timeout.as_millis());
        let mut settings = vec![format!("{scope} statement_timeout = {millis}")];
        settings.extend(server.settings.iter().map(|(name, value)| {
            let value = value.replace('\'', "''");
            // not SET, which would take a list for a single value
            format!("SELECT set_config('{name}', '{value}', true)")
        }));
        let settings = settings.join("; ");
        let all =
            format!("{settings}; {scope} client_connection_check_interval = {CHECK_INTERVAL_MS}");
        let tried = if server.pooled {
            format!("BEGIN; {all}; COMMIT")
        } else {
            all.clone()
        };
        let accepted = match connection.execute(AssertSqlSafe(tried)).await {
            Ok(_) => all,
            // PostgreSQL before 14 doesn't have it, and some systems can't do it
            Err(sqlx::Error::Database(refused)) => {
                warn_once(&*refused);
                let without = if server.pooled {
                    format!("ROLLBACK; BEGIN; {settings}; COMMIT")
                } else {
                    settings.clone()
                };
                connection.execute(AssertSqlSafe(without)).await?;
                settings
            }
            Err(error) => return Err(error),
        };
        if server.pooled {
            learn_types(&mut connection).await?;
        }
        Ok(Self {
            connection,
            of_transaction: server.pooled.then_some(accepted),
        })
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    /// Whether a statement needs a transaction to have our settings.
    pub(super) fn is_pooled(&self) -> bool {
        self.of_transaction.is_some()
    }

    /// One message for all of it: stock SeaORM sends the isolation level in a second one.
    pub(super) fn begin(&self, options: TransactionOptions) -> String {
        let level = options.isolation_level;
        let level = level.map_or_else(String::new, |level| format!(" ISOLATION LEVEL {level}"));
        let mode = options.access_mode;
        let mode = mode.map_or_else(String::new, |mode| format!(" {mode}"));
        match &self.of_transaction {
            Some(settings) => format!("BEGIN{level}{mode}; {settings}"),
            None => format!("BEGIN{level}{mode}"),
        }
    }
}

/// Lets sqlx get to know the database's own types (enums, those of extensions) before they are met. It asks for one that it doesn't
/// know in the middle of preparing a statement, and if that stays unnamed, the question makes the server forget it.
async fn learn_types(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    const LIST: &str = "SELECT string_agg('NULL::' || oid::regtype, ', ') FROM pg_type \
        WHERE typtype IN ('b', 'e', 'm', 'r') AND typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)";
    let listed = connection.fetch_optional(LIST).await?;
    let listed: Option<String> = listed.map(|row| row.try_get(0)).transpose()?.flatten();
    if let Some(types) = listed {
        connection.execute("BEGIN").await?;
        let all = sqlx::query(AssertSqlSafe(format!("SELECT {types}"))).persistent(false);
        match connection.fetch_optional(all).await {
            // that it was forgotten is what this is about
            Ok(_) | Err(sqlx::Error::Database(_)) => connection.execute("ROLLBACK").await?,
            Err(error) => return Err(error),
        };
    }
    Ok(())
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

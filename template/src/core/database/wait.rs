//! Waiting for the database when the service starts.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};
use tokio::time::timeout;

use super::{error::driver_error, pool::Database, statement::millis};

/// The pause after the first attempt; each further one is twice as long, up to the second number.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What the first attempt gets at least: with no time to wait, there must be some to look.
const LOOK: Duration = Duration::from_secs(1);

/// Why the database can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotReady {
    /// It refuses us, and waiting would not help: a wrong password, an unknown database, a URL that can't be read.
    #[error("the database refuses to be used, and waiting would not change that: {0}")]
    Refused(#[source] DbErr),
    /// It didn't answer in time.
    #[error("the database did not answer within {} s; the last attempt failed with: {last}", limit.as_secs())]
    TimedOut {
        /// How long it was waited for.
        limit: Duration,
        /// What went wrong at last.
        #[source]
        last: DbErr,
    },
}

impl Database {
    /// Waits until the database answers, at most for `limit`, and tells in the log how that goes. One attempt is made in any case.
    ///
    /// # Errors
    ///
    /// [`NotReady`] if it doesn't answer in time, or refuses us for a reason that waiting can't change.
    pub async fn wait_until_ready(&self, limit: Duration) -> Result<(), NotReady> {
        let start = Instant::now();
        let mut pause = PAUSE.0;
        let mut attempt = 1;
        let mut left = limit.max(LOOK);
        let mut last = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        loop {
            match timeout(left, self.ping()).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) if is_permanent(&error) => return Err(NotReady::Refused(error)),
                Ok(Err(error)) => last = error,
                // cut off by us, which says less than what came before
                Err(_) => {}
            }
            left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(NotReady::TimedOut { limit, last });
            }
            tracing::info!(attempt, error = %last, seconds_left = left.as_secs(), "waiting for the database");
            // half of what is left is for another attempt
            tokio::time::sleep(pause.min((left / 2).max(PAUSE.0))).await;
            left = limit.saturating_sub(start.elapsed()).max(PAUSE.0);
            pause = (pause * 2).min(PAUSE.1);
            attempt += 1;
        }
        if attempt > 1 {
            tracing::info!(
                attempt,
                waited_ms = millis(start.elapsed()),
                "the database answers"
            );
        }
        self.check_that_pools_fit().await;
        Ok(())
    }
}

/// Whether the next attempt would end the same way.
pub(super) fn is_permanent(error: &DbErr) -> bool {
    if let DbErr::Conn(RuntimeErr::SqlxError(error)) = error {
        match &**error {
            sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => return true,
            // a certificate that isn't accepted
            sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => return true,
            _ => {}
        }
    }
    let Some(driver) = driver_error(error) else {
        return false;
    };
    #[cfg(feature = "sqlite")]
    {
        /// The file can't be opened, or is no database.
        const CANTOPEN: i32 = 14;
        const NOTADB: i32 = 26;
        if matches!(super::sqlite::primary_code(driver), Some(CANTOPEN | NOTADB)) {
            return true;
        }
    }
    // invalid_authorization_specification, invalid_password, invalid_catalog_name (there is no such database)
    matches!(driver.code().as_deref(), Some("28000" | "28P01" | "3D000"))
}

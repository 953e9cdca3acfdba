//! The password of a server, which may be changed while the service runs.
//!
//! A connection is opened with the password that the server accepted last. Only if the server refuses that one, the file that it came
//! from is read again. So there is nothing to watch, and whatever is done to the file (emptied, half written, replaced by a
//! placeholder) does no harm as long as the password that is known still works. The file may be changed before the server is told,
//! too, and then nobody is without a connection. The price is one refused attempt for each connection that is opened at that moment.

use std::sync::{Mutex, PoisonError};

use sea_orm::sqlx::{self, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;

use crate::core::config::{PasswordFile, Secret};

/// The password, and where another is found.
pub(super) struct Password {
    file: Option<PasswordFile>,
    known: Mutex<Known>,
}

struct Known {
    /// The last that the server accepted; in the beginning what the configuration says.
    accepted: Option<Secret>,
    /// What is wrong with the file was said, and nothing has become better since.
    complained: bool,
}

impl Password {
    pub(super) fn new(password: Option<Secret>, file: Option<PasswordFile>) -> Self {
        let known = Mutex::new(Known {
            accepted: password,
            complained: false,
        });
        Self { file, known }
    }

    /// The options with the password that was accepted last.
    pub(super) fn completing(&self, options: &PgConnectOptions) -> PgConnectOptions {
        with_password(options, self.accepted().as_ref())
    }

    /// Opens a connection.
    pub(super) async fn open(
        &self,
        options: &PgConnectOptions,
    ) -> Result<PgConnection, sqlx::Error> {
        let tried = self.accepted();
        let opened = with_password(options, tried.as_ref()).connect().await;
        // Whatever the server's answer is: poolers have codes of their own for a wrong password.
        let Err(refused @ sqlx::Error::Database(_)) = opened else {
            return opened;
        };
        let Some(other) = self.read_other_than(tried.as_ref()).await else {
            return Err(refused);
        };
        let connection = with_password(options, Some(&other)).connect().await?;
        self.accept(other);
        Ok(connection)
    }

    /// What the file says, if that is something else.
    async fn read_other_than(&self, tried: Option<&Secret>) -> Option<Secret> {
        let file = self.file.clone()?;
        let key = file.key();
        // the volume may hang
        match spawn_blocking(move || file.read()).await.ok()? {
            Ok(said) => (exposed(Some(&said)) != exposed(tried)).then_some(said),
            Err(reason) => {
                let mut known = self.known();
                if !known.complained {
                    known.complained = true;
                    tracing::warn!(
                        reason = format!("{key} {reason}"),
                        "the server refuses connections, and the file of the database's password holds none to try instead"
                    );
                }
                None
            }
        }
    }

    fn accept(&self, password: Secret) {
        let mut known = self.known();
        // several connections may have found out
        if exposed(known.accepted.as_ref()) != exposed(Some(&password)) {
            known.accepted = Some(password);
            known.complained = false;
            tracing::info!(
                "the database's password was changed; the one in its file is used from now on"
            );
        }
    }

    fn accepted(&self) -> Option<Secret> {
        self.known().accepted.clone()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn exposed(password: Option<&Secret>) -> Option<&str> {
    password.map(ExposeSecret::expose_secret)
}

/// None and an empty one are the same to sqlx, which would take libpq's variable if nothing were said.
fn with_password(options: &PgConnectOptions, password: Option<&Secret>) -> PgConnectOptions {
    options
        .clone()
        .password(exposed(password).unwrap_or_default())
}

//! The file that holds the database's password, to be read again when the password was changed.

use secrecy::ExposeSecret;

use super::{
    Secret,
    database_url::{PostgresUrl, is_postgres},
};

/// A file of the secrets directory with the password in it: `DATABASE_PASSWORD`, or `DATABASE_URL` with a password.
#[derive(Clone, Debug)]
pub struct PasswordFile {
    secret: Secret,
    /// Whose password it is, if the file holds a whole URL.
    user: Option<String>,
}

impl PasswordFile {
    pub(super) fn alone(password: &Secret) -> Option<Self> {
        Self::of(password, None)
    }

    pub(super) fn in_url(url: &Secret, user: &str) -> Option<Self> {
        Self::of(url, Some(user.to_owned()))
    }

    fn of(secret: &Secret, user: Option<String>) -> Option<Self> {
        secret.is_from_file().then(|| Self {
            secret: secret.clone(),
            user,
        })
    }

    /// The key of the configuration that the file is named after.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self.user {
            Some(_) => "DATABASE_URL",
            None => "DATABASE_PASSWORD",
        }
    }

    /// The password that it holds now. Of a URL nothing else counts: what else changed in it takes effect at the next start.
    ///
    /// # Errors
    ///
    /// Why it holds none that could be used, to follow the key and without anything of it.
    pub fn read(&self) -> Result<Secret, String> {
        let said = self.secret.read_again()?;
        let password = match &self.user {
            None => said,
            Some(user) => password_of(said.expose_secret(), user)?,
        };
        if password.expose_secret().is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(password)
    }
}

fn password_of(url: &str, user: &str) -> Result<Secret, String> {
    if !is_postgres(url) {
        return Err("must begin with postgres://".to_owned());
    }
    let url = PostgresUrl::parse(url)?;
    if url.user != user {
        return Err("names another user, which takes a restart".to_owned());
    }
    match url.password.as_deref() {
        Some(password) => Ok(password.into()),
        None => Err("names no password any more".to_owned()),
    }
}

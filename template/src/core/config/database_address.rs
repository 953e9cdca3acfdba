//! Where the database is, from whatever says it.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::{
    DatabaseConfig, PasswordFile, Secret, SslMode,
    database_url::{PostgresUrl, is_postgres},
};

/// Where the database is.
#[derive(Clone, Debug)]
pub enum DatabaseAddress {
    /// A PostgreSQL server.
    Postgres(Box<PostgresAddress>),
    /// The URL of a SQLite file, `sqlite://…`.
    Sqlite(String),
}

/// A database on a PostgreSQL server, in full: what is not said here is not to be looked up elsewhere.
#[derive(Clone, Debug)]
pub struct PostgresAddress {
    /// Name or address of the server, or the directory of its socket, which begins with `/`.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// User of the database.
    pub user: String,
    /// Password of the user.
    pub password: Option<Secret>,
    /// Where another one is found if that is changed while the service runs: only a file can.
    pub password_file: Option<PasswordFile>,
    /// Name of the database.
    pub name: String,
    /// How far the server's certificate is checked.
    pub ssl_mode: SslMode,
    /// Certificate of the authority that signed the server's, beside the usual ones.
    pub ssl_root_cert: Option<PathBuf>,
    /// Certificate and key by which the server knows us.
    pub ssl_identity: Option<(PathBuf, PathBuf)>,
    /// Settings of the server for every session.
    pub options: Vec<(String, String)>,
}

/// PostgreSQL's own port.
const PORT: u16 = 5432;

impl DatabaseConfig {
    /// Where the database is: what `DATABASE_URL` says, completed by `DATABASE_PASSWORD` and the `DATABASE_SSL_` keys, or the parts.
    ///
    /// # Errors
    ///
    /// What is wrong with `DATABASE_URL`, without showing anything secret of it. Loading has refused such a URL.
    pub fn address(&self) -> Result<DatabaseAddress, String> {
        // Parts win over a URL: one that was set beside them is refused, so it is the default.
        if let Some(host) = &self.host {
            let address = self.address_of_parts(host);
            return Ok(DatabaseAddress::Postgres(Box::new(address)));
        }
        match self.url.as_ref().map(ExposeSecret::expose_secret) {
            Some(url) if is_postgres(url) => {
                let url = PostgresUrl::parse(url)?;
                Ok(DatabaseAddress::Postgres(Box::new(
                    self.address_of_url(url),
                )))
            }
            Some(url) if url.starts_with("sqlite:") => Ok(DatabaseAddress::Sqlite(url.to_owned())),
            Some(_) => Err("must begin with postgres:// or sqlite://".to_owned()),
            None => Err("is not set".to_owned()),
        }
    }

    fn address_of_parts(&self, host: &str) -> PostgresAddress {
        // An IPv6 address may be written as in a URL.
        let v6 = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        PostgresAddress {
            host: v6.unwrap_or(host).to_owned(),
            port: self.port.unwrap_or(PORT),
            user: self.user.clone().unwrap_or_default(),
            password: self.password.clone(),
            password_file: self.password.as_ref().and_then(PasswordFile::alone),
            name: self.name.clone().unwrap_or_default(),
            ssl_mode: self.ssl_mode,
            ssl_root_cert: self.ssl_root_cert.clone(),
            ssl_identity: None,
            options: Vec::new(),
        }
    }

    fn address_of_url(&self, url: PostgresUrl) -> PostgresAddress {
        let parameters = url.parameters;
        let of_url = url.password.as_deref().map(Secret::from);
        let password_file = match (&of_url, &self.url) {
            (Some(_), Some(secret)) => PasswordFile::in_url(secret, &url.user),
            _ => self.password.as_ref().and_then(PasswordFile::alone),
        };
        PostgresAddress {
            host: url.host,
            port: url.port.unwrap_or(PORT),
            user: url.user,
            password: of_url.or_else(|| self.password.clone()),
            password_file,
            name: url.name,
            ssl_mode: parameters.ssl_mode.unwrap_or(self.ssl_mode),
            ssl_root_cert: parameters
                .ssl_root_cert
                .or_else(|| self.ssl_root_cert.clone()),
            ssl_identity: parameters.ssl_cert.zip(parameters.ssl_key),
            options: parameters.options,
        }
    }
}

//! The URL of the database, from whatever says where it is.

use secrecy::{ExposeSecret, SecretString};

use super::DatabaseConfig;

impl DatabaseConfig {
    /// The database as one URL: `DATABASE_URL` completed by `DATABASE_PASSWORD`, or made of the parts. For PostgreSQL it also says
    /// `sslmode` and `sslrootcert`. Empty if nothing says where the database is, which loading refuses.
    #[must_use]
    pub fn connection_url(&self) -> SecretString {
        let url = match (&self.host, &self.url) {
            // Parts win over a URL: one that was set beside them is refused, so it is the default.
            (Some(host), _) => self.url_of_parts(host),
            (None, Some(url)) => self.completed(url.expose_secret()),
            (None, None) => String::new(),
        };
        self.with_tls(url).into()
    }

    fn url_of_parts(&self, host: &str) -> String {
        let user = encoded(self.user.as_deref().unwrap_or_default());
        let password = self.password.as_ref();
        let password = password.map_or(String::new(), |password| {
            format!(":{}", encoded(password.expose_secret()))
        });
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]") // an IPv6 address
        } else if host.starts_with('[') {
            host.to_owned()
        } else {
            encoded(host) // the directory of a socket has slashes
        };
        let port = self.port.unwrap_or(5432);
        let name = encoded(self.name.as_deref().unwrap_or_default());
        format!("postgres://{user}{password}@{host}:{port}/{name}")
    }

    fn completed(&self, url: &str) -> String {
        match (&self.password, url.split_once("://"), user_of(url)) {
            (Some(password), Some((scheme, rest)), User::WithoutPassword) => {
                let (user, rest) = rest.split_once('@').unwrap_or(("", rest));
                format!(
                    "{scheme}://{user}:{}@{rest}",
                    encoded(password.expose_secret())
                )
            }
            _ => url.to_owned(),
        }
    }

    fn with_tls(&self, mut url: String) -> String {
        if is_postgres(&url) {
            let root = self
                .ssl_root_cert
                .as_deref()
                .map(|path| path.to_string_lossy());
            let stated = [
                ("sslmode", Some(self.ssl_mode.name().into())),
                ("sslrootcert", root),
            ];
            for (name, value) in stated {
                if let (Some(value), false) = (value, states(&url, name)) {
                    let separator = if url.contains('?') { '&' } else { '?' };
                    url = format!("{url}{separator}{name}={}", encoded(&value));
                }
            }
        }
        url
    }
}

/// Whom a URL names.
pub(super) enum User {
    None,
    WithoutPassword,
    WithPassword,
}

pub(super) fn user_of(url: &str) -> User {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        None => User::None,
        Some((user, _)) if user.contains(':') => User::WithPassword,
        Some(_) => User::WithoutPassword,
    }
}

pub(super) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Whether a URL's query has this parameter.
fn states(url: &str, name: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some(name))
}

/// Percent-encodes everything that could mean something in a URL.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

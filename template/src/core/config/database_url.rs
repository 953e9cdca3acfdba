//! The URL of a PostgreSQL database, in its pieces.
//!
//! It is read here and not by sqlx, because sqlx completes it from elsewhere (libpq's variables, `~/.pgpass`), and logs a parameter that
//! it doesn't know with its value. What is wrong is said without showing anything of the URL but the name of a parameter: the rest
//! may be a password.

use std::path::PathBuf;

use super::SslMode;

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PostgresUrl {
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) name: String,
    pub(super) parameters: Parameters,
}

/// What its query says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    host: Option<String>,
    pub(super) ssl_mode: Option<SslMode>,
    pub(super) ssl_root_cert: Option<PathBuf>,
    pub(super) ssl_cert: Option<PathBuf>,
    pub(super) ssl_key: Option<PathBuf>,
    /// Settings of the server for every session.
    pub(super) options: Vec<(String, String)>,
}

const SHAPE: &str = "postgres://user:password@host:5432/name";
const ENCODED: &str =
    "in a user or a password `@`, `/`, `?`, `#` and `%` are written as %40, %2F, %3F, %23 and %25";

pub(super) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

impl PostgresUrl {
    /// The pieces of a URL, or what is wrong with it, to follow its key.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // Before anything of the query is told: it could be the second half of a password.
        if rest.contains(['@', '#']) || url.contains(char::is_control) {
            return Err(format!("can't be read: {ENCODED}"));
        }
        let Some((credentials, address)) = authority.rsplit_once('@') else {
            return Err(format!("names no user: {SHAPE}"));
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
            None => (credentials, None),
        };
        let (host, port) = host_and_port(address)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = Parameters::parse(query)?;
        // As for libpq: this is how the directory of a socket can be written.
        let host = match &parameters.host {
            Some(host) => host.clone(),
            None => decoded(host)?,
        };
        let url = Self {
            user: decoded(user)?,
            password,
            host,
            port,
            name: decoded(path.trim_start_matches('/'))?,
            parameters,
        };
        for (what, text) in [
            ("user", &url.user),
            ("host", &url.host),
            ("database", &url.name),
        ] {
            if text.is_empty() {
                return Err(format!("names no {what}: {SHAPE}"));
            }
        }
        Ok(url)
    }
}

fn host_and_port(address: &str) -> Result<(&str, Option<u16>), String> {
    // An IPv6 address has colons of its own.
    let (host, port) = match address.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((v6, "")) => (v6, ""),
            Some((v6, port)) if port.starts_with(':') => (v6, &port[1..]),
            _ => return Err("has an address whose `[` is not closed before the port".to_owned()),
        },
        None => address.split_once(':').unwrap_or((address, "")),
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err("has a port that is no number from 1 to 65535".to_owned()),
    }
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, String> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|_| "has a query that can't be read".to_owned())?;
        let mut parameters = Self::default();
        for (name, value) in pairs {
            parameters.set(&name, value)?;
        }
        if parameters.ssl_cert.is_some() != parameters.ssl_key.is_some() {
            return Err("must state `sslcert` and `sslkey` together".to_owned());
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let repeated = match name {
            "sslmode" | "ssl-mode" => {
                let mode = SslMode::ALL.into_iter().find(|mode| mode.name() == value);
                let Some(mode) = mode else {
                    let modes = SslMode::ALL.map(SslMode::name).join(", ");
                    return Err(format!("has an `{name}` that is none of {modes}"));
                };
                self.ssl_mode.replace(mode).is_some()
            }
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => {
                self.ssl_root_cert.replace(value.into()).is_some()
            }
            "sslcert" | "ssl-cert" => self.ssl_cert.replace(value.into()).is_some(),
            "sslkey" | "ssl-key" => self.ssl_key.replace(value.into()).is_some(),
            "host" => self.host.replace(value).is_some(),
            _ => match option(name) {
                Some(option) => {
                    let repeated = self.options.iter().any(|(known, _)| known == option);
                    self.options.push((option.to_owned(), value));
                    repeated
                }
                None => return Err(unknown(name)),
            },
        };
        if repeated {
            return Err(format!("states `{name}` twice"));
        }
        Ok(())
    }
}

/// The setting that `options[search_path]` names.
fn option(name: &str) -> Option<&str> {
    let option = name.strip_prefix("options[")?.strip_suffix(']')?;
    let is_setting = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    (!option.is_empty() && option.chars().all(is_setting)).then_some(option)
}

fn unknown(name: &str) -> String {
    let instead = match name {
        "user" | "password" | "port" | "dbname" | "hostaddr" => {
            format!("it belongs into the URL itself, {SHAPE}")
        }
        "options" => "one setting each, such as `options[search_path]=app`, can be read".to_owned(),
        "application_name" => "the service and its host are the name".to_owned(),
        "statement-cache-capacity" => "DATABASE_STATEMENT_CACHE_SIZE says it".to_owned(),
        _ => "known are sslmode, sslrootcert, sslcert, sslkey, host and options[…]".to_owned(),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
    if name.len() <= 40 && name.chars().all(is_name) {
        format!("has the parameter `{name}`: {instead}")
    } else {
        format!("has a parameter that it must not have: {instead}")
    }
}

/// What percent-encoding stands for.
fn decoded(text: &str) -> Result<String, String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece
            .get(..2)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else {
            return Err(format!("holds a `%` that encodes nothing: {ENCODED}"));
        };
        bytes.push(byte);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| "is no UTF-8 text once it is decoded".to_owned())
}

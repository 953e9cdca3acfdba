use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::Validate;

use super::{
    AppEnv, Checks, Defaults, Secret, Section,
    check::certificate_problem,
    database_address::{DatabaseAddress, PostgresAddress},
    database_url::{PostgresUrl, is_postgres},
};

/// The database and the pool of connections to it.
///
/// Where it is says either `DATABASE_URL`, which `DATABASE_PASSWORD` may complete, or the parts `DATABASE_HOST`, `_PORT`,
/// `_USER`, `_PASSWORD` and `_NAME`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct DatabaseConfig {
    /// The database as a URL: `postgres://user:password@host:5432/name` or `sqlite://file.db?mode=rwc`. Behind a `?` that of
    /// PostgreSQL may state `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host` (a socket) and `options[…]`.
    pub url: Option<Secret>,
    /// Host name or address of the PostgreSQL server, or the directory of its socket.
    pub host: Option<String>,
    /// Port of the PostgreSQL server. Without one it is 5432.
    #[validate(range(min = 1))]
    pub port: Option<u16>,
    /// User of the database.
    pub user: Option<String>,
    /// Password of the user. It also completes a `DATABASE_URL` without one.
    pub password: Option<Secret>,
    /// Name of the database.
    pub name: Option<String>,
    /// How far PostgreSQL's TLS certificate is checked. A `sslmode` in `DATABASE_URL` wins.
    pub ssl_mode: SslMode,
    /// File with the certificate (PEM) of the authority that signed the server's. Without one the usual authorities are trusted.
    pub ssl_root_cert: Option<PathBuf>,
    /// What stands between the service and PostgreSQL. A pooler whose servers are borrowed for a transaction, such as PgBouncer in
    /// transaction mode, must be named here: without that, statements fail, and limits hold for others.
    pub pooler: Pooler,
    /// Connections that the pool keeps open.
    #[validate(range(min = 0, max = 1000))]
    pub pool_min_size: u32,
    /// Connections that the pool may hold. PostgreSQL has 100 for all, less 3 reserved, shared by all replicas.
    #[validate(range(min = 1, max = 1000))]
    pub pool_max_size: u32,
    /// Replicas of the service that share the database, the most at a time. If their pools together don't fit into what the server
    /// allows, a start says so in the log.
    #[validate(range(min = 1, max = 1000))]
    pub expected_replicas: u32,
    /// Time a request waits for a free connection before it is answered with 503.
    #[validate(range(min = 1, max = 300))]
    pub pool_timeout_secs: u64,
    /// Age at which a connection is replaced.
    #[validate(range(min = 1, max = 86_400))]
    pub pool_recycle_secs: u64,
    /// Time an idle connection is kept beyond `DATABASE_POOL_MIN_SIZE`.
    #[validate(range(min = 1, max = 86_400))]
    pub pool_idle_secs: u64,
    /// Time without use after which a connection is tried out before it is used again.
    #[validate(range(min = 0, max = 86_400))]
    pub pool_pre_ping_idle_secs: u64,
    /// Time a statement may take before the server stops it.
    #[validate(range(min = 1, max = 3600))]
    pub command_timeout_secs: u64,
    /// Prepared statements that each connection remembers.
    #[validate(range(min = 1, max = 10_000))]
    pub statement_cache_size: usize,
    /// Whether `serve` brings the schema up to date before it listens. With several replicas that is the job of `migrate up`.
    pub auto_migrate: bool,
    /// Time `serve` and `migrate` wait for the database to answer.
    #[validate(range(min = 0, max = 3600))]
    pub connect_wait_secs: u64,
    /// Time from which on a statement is logged as slow.
    #[validate(range(min = 1, max = 3_600_000))]
    pub slow_statement_ms: u64,
    /// Time from which on it is logged that a transaction or a stream holds a connection, with the place in the code where that is
    /// known. 0 turns it off.
    #[validate(range(min = 0, max = 86_400))]
    pub long_hold_secs: u64,
}

/// How far the server's TLS certificate is checked: the names and meanings of PostgreSQL's `sslmode`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it, whoever it is.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS, and the certificate must be signed by an authority that is trusted.
    VerifyCa,
    /// TLS, and the certificate must be signed by an authority that is trusted, for this host.
    VerifyFull,
}

impl SslMode {
    /// All of them, from the most lenient to the strictest.
    pub const ALL: [Self; 5] = [
        Self::Disable,
        Self::Prefer,
        Self::Require,
        Self::VerifyCa,
        Self::VerifyFull,
    ];

    /// How it is written in the configuration and in a URL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// What stands between the service and the PostgreSQL server.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Pooler {
    /// Nothing, or a pooler that gives each connection a server of its own (PgBouncer in session mode).
    None,
    /// A pooler that gives a connection a server for one transaction at a time (PgBouncer in transaction mode). Every statement
    /// then runs in a transaction of its own, which brings its limits along; nothing stays prepared.
    Transaction,
}

/// What a developer gets without setting anything.
const LOCAL_URL: &str = "sqlite://app.db?mode=rwc";
const PARTS: [&str; 4] = ["host", "port", "user", "name"];
const HOW_TO_SET: &str = "set DATABASE_URL (postgres://user:password@host:5432/name), or DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME";

impl Section for DatabaseConfig {
    fn defaults(env: AppEnv) -> Defaults {
        let ssl_mode = match env {
            AppEnv::Prod => SslMode::VerifyFull,
            _ => SslMode::Prefer,
        };
        let defaults = Defaults::new()
            .with("ssl_mode", ssl_mode.name())
            .with("pooler", "none")
            .with("pool_min_size", 2)
            .with("pool_max_size", 10)
            .with("expected_replicas", 1)
            .with("pool_timeout_secs", 5)
            .with("pool_recycle_secs", 3600)
            .with("pool_idle_secs", 300)
            .with("pool_pre_ping_idle_secs", 30)
            .with("command_timeout_secs", 5)
            .with("statement_cache_size", 100)
            .with("auto_migrate", env == AppEnv::Local)
            .with("connect_wait_secs", 30)
            .with("slow_statement_ms", 500)
            .with("long_hold_secs", 60);
        if env == AppEnv::Local && cfg!(feature = "sqlite") {
            defaults.with("url", LOCAL_URL)
        } else {
            defaults
        }
    }

    fn check(&self, _: AppEnv, checks: &mut Checks<'_, '_>) {
        if self.pool_min_size > self.pool_max_size {
            let max = self.pool_max_size;
            checks.refuse(
                "pool_min_size",
                &format!("must not exceed DATABASE_POOL_MAX_SIZE, which is {max}"),
                &[],
            );
        }
        if self.pooler == Pooler::Transaction && self.auto_migrate {
            checks.refuse(
                "auto_migrate",
                "is on, but DATABASE_POOLER says that the way leads through a pooler, which migrations can't go",
                &["turn it off, and run `migrate up` with a DATABASE_URL that leads to the server itself"],
            );
        }
        let parts: Vec<&str> = PARTS
            .into_iter()
            .filter(|part| checks.is_set(part))
            .collect();
        if checks.is_set("url") {
            for part in parts {
                checks.refuse(
                    part,
                    "is set beside DATABASE_URL, which already says it",
                    &["set either DATABASE_URL or the parts; only DATABASE_PASSWORD completes a URL"],
                );
            }
            self.check_url(checks);
        } else if !parts.is_empty() {
            for needed in ["host", "user", "name"] {
                if !checks.is_set(needed) {
                    let others = parts
                        .iter()
                        .map(|part| checks.key(part))
                        .collect::<Vec<_>>()
                        .join(", ");
                    checks.refuse(
                        needed,
                        &format!("must be set beside {others}"),
                        &[HOW_TO_SET],
                    );
                }
            }
        } else if self.url.is_none() {
            checks.refuse(
                "url",
                "is not set: nothing says where the database is",
                &[HOW_TO_SET],
            );
        } else if checks.is_set("password") {
            checks.refuse(
                "password",
                "is set, but nothing says for which database",
                &["the default, a SQLite file, has no password", HOW_TO_SET],
            );
        }
        if let Some(file) = &self.ssl_root_cert {
            checks.refuse_without_certificate("ssl_root_cert", file);
        }
        if let Ok(DatabaseAddress::Postgres(address)) = self.address() {
            warn_of_libpq(&address, checks);
        }
    }
}

impl DatabaseConfig {
    /// The URL is a secret, so what is wrong with it is said without showing it.
    fn check_url(&self, checks: &mut Checks<'_, '_>) {
        let Some(url) = self.url.as_ref().map(ExposeSecret::expose_secret) else {
            return;
        };
        let problem = if is_postgres(url) {
            match PostgresUrl::parse(url) {
                Ok(url) => return check_postgres_url(&url, checks),
                Err(problem) => problem,
            }
        } else if url.starts_with("sqlite:") && cfg!(feature = "sqlite") {
            if checks.is_set("password") {
                let note = "take it away, or let DATABASE_URL lead to a PostgreSQL server";
                checks.refuse("password", "is set, but a SQLite file has none", &[note]);
            }
            match sqlite_problem(url) {
                Some(problem) => problem.to_owned(),
                None => return,
            }
        } else if cfg!(feature = "sqlite") {
            "must begin with postgres:// or sqlite://".to_owned()
        } else {
            "must begin with postgres://".to_owned()
        };
        checks.refuse(
            "url",
            &problem,
            &["the value is not shown: it may hold a password"],
        );
    }
}

fn check_postgres_url(url: &PostgresUrl, checks: &mut Checks<'_, '_>) {
    if url.password.is_some() && checks.is_set("password") {
        checks.refuse(
            "password",
            "is set, and DATABASE_URL holds a password, too",
            &["keep one of them"],
        );
    }
    let parameters = &url.parameters;
    let problem = parameters
        .ssl_root_cert
        .as_deref()
        .and_then(certificate_problem);
    if let Some(problem) = problem {
        checks.refuse(
            "url",
            &format!("states a `sslrootcert` that {problem}"),
            &[],
        );
    }
    for (name, file) in [
        ("sslcert", &parameters.ssl_cert),
        ("sslkey", &parameters.ssl_key),
    ] {
        if let Some(Err(error)) = file.as_ref().map(std::fs::read) {
            let reason = format!("states a `{name}` that can't be read: {error}");
            checks.refuse("url", &reason, &[]);
        }
    }
}

/// Why sqlx could not open the file that this URL names, or a pool could not share it.
#[cfg(feature = "sqlite")]
fn sqlite_problem(url: &str) -> Option<&'static str> {
    use sea_orm::sqlx::sqlite::SqliteConnectOptions;

    if url.contains(":memory:") || url.contains("mode=memory") {
        Some(
            "names a database in memory, which lasts as long as one connection and can't be shared by a pool: name a file",
        )
    } else if url.parse::<SqliteConnectOptions>().is_err() {
        Some(
            "must be like sqlite://file.db?mode=rwc: `mode` is ro, rw or rwc, and else it may state cache, immutable and vfs",
        )
    } else {
        None
    }
}

#[cfg(not(feature = "sqlite"))]
fn sqlite_problem(_: &str) -> Option<&'static str> {
    None
}

/// sqlx begins with what libpq's variables say. All that can be said here is said, so that they don't matter; three remain.
fn warn_of_libpq(address: &PostgresAddress, checks: &mut Checks<'_, '_>) {
    let by_certificate = address.ssl_identity.is_some();
    for (variable, parameter, said) in [
        ("PGOPTIONS", "options[…]", false),
        ("PGSSLCERT", "sslcert", by_certificate),
        ("PGSSLKEY", "sslkey", by_certificate),
    ] {
        if !said {
            let note = format!("unset it; `{parameter}` in DATABASE_URL says the same");
            checks.warn_of_variable(
                variable,
                "has a say in every connection to PostgreSQL",
                &note,
            );
        }
    }
}

super::register_section! { "DATABASE_": DatabaseConfig }

//! Databases for single checks.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use super::place_of;

/// A database of a check's own; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Database {
    url: String,
    name: String,
    server: String,
    psql: PathBuf,
    log: PathBuf,
}

impl Database {
    /// Creates an empty one on the server that a URL names.
    pub(super) fn create(server: &str, psql: &Path, log: &Path) -> Result<Self> {
        let database = Self::planned(server, psql, log);
        if !database.ask_server("CREATE DATABASE")? {
            bail!("the database cannot be created; see {}", log.display());
        }
        Ok(database)
    }

    /// Names one that isn't there yet.
    pub(super) fn planned(server: &str, psql: &Path, log: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("strata_check_{}_{number}", std::process::id());
        Self {
            url: with_database(server, &name),
            name,
            server: server.to_owned(),
            psql: psql.to_owned(),
            log: log.to_owned(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Carries out statements as whoever made it, in another database of the server if one is named; whether that went well.
    pub(crate) fn run(&self, database: Option<&str>, statements: &str) -> Result<bool> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(statements.as_bytes())?;
        let url = database.map_or_else(
            || self.url.clone(),
            |name| with_database(&self.server, name),
        );
        let mut command = self.client_of(&url);
        self.succeeds(command.arg("--file").arg(file.path()))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All rows of all tables, as text.
    pub(crate) fn rows(&self) -> Result<String> {
        let query = "SELECT table_name, \
            query_to_xml(format('SELECT t::text AS row FROM %I AS t ORDER BY 1', table_name), true, false, '') \
            FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
        let output = self.psql(&self.url, query).arg("--tuples-only").output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The server's client, which carries out these statements in this database.
    pub(crate) fn client(&self, statements: &str) -> Command {
        self.psql(&self.url, statements)
    }

    /// Its number among all objects of the server, which are numbered as they are made.
    pub(super) fn number(&self) -> Result<u32> {
        let query = format!(
            "SELECT oid FROM pg_database WHERE datname = '{}'",
            self.name
        );
        let output = self
            .psql(&self.server, &query)
            .arg("--tuples-only")
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim()
            .parse()
            .with_context(|| format!("psql: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn ask_server(&self, statement: &str) -> Result<bool> {
        self.succeeds(&mut self.psql(&self.server, &format!("{statement} {}", self.name)))
    }

    /// Whether a command ends well; what it says goes to the log.
    fn succeeds(&self, command: &mut Command) -> Result<bool> {
        let output = File::options().create(true).append(true).open(&self.log)?;
        command.stdout(output.try_clone()?).stderr(output);
        Ok(command.status()?.success())
    }

    /// The client with one statement for the database of a URL.
    fn psql(&self, url: &str, statement: &str) -> Command {
        let mut command = self.client_of(url);
        command.args(["--command", statement]);
        command
    }

    fn client_of(&self, url: &str) -> Command {
        // The password goes into the environment: everybody on this machine can read the arguments.
        let (server, password) = without_password(url);
        let mut command = Command::new(&self.psql);
        command.args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            &server,
        ]);
        command.envs(password.map(|password| ("PGPASSWORD", password)));
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A private server goes anyway; on somebody's own, what is left has a telling name.
        let _ = self.ask_server("DROP DATABASE IF EXISTS");
    }
}

/// A URL as those take it who want its pieces one by one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) host: String,
    pub(super) port: String,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) name: String,
}

impl Pieces {
    pub(super) fn of(url: &str) -> Result<Self> {
        let place = place_of(url).context("TEST_DATABASE_URL must name a host for this check")?;
        let (host, port) = place.rsplit_once(':').context("a place has a port")?;
        let (rest, password) = without_password(url);
        let (_, rest) = rest.split_once("://").context("a URL has a scheme")?;
        let user = rest.split_once('@').map_or("postgres", |(user, _)| user);
        let name = rest.split('?').next().and_then(|rest| rest.split_once('/'));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.to_owned(),
            user: percent_decoded(user),
            password,
            name: percent_decoded(name.map_or("", |(_, name)| name)),
        })
    }
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (rest, options) = url
        .split_once('?')
        .map_or((url, String::new()), |(rest, options)| {
            (rest, format!("?{options}"))
        });
    let (scheme, place) = rest.split_once("://").unwrap_or(("postgres", rest));
    let server = place.split('/').next().unwrap_or_default();
    format!("{scheme}://{server}/{name}{options}")
}

/// The URL without its password, and the password.
pub(super) fn without_password(url: &str) -> (String, Option<String>) {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let (login, place) = rest.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        Some((
            format!("{scheme}://{user}@{place}"),
            percent_decoded(password),
        ))
    };
    parts().map_or_else(
        || (url.to_owned(), None),
        |(url, password)| (url, Some(password)),
    )
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        let code = code
            .and_then(|code| u8::from_str_radix(code, 16).ok())
            .filter(|_| *first == b'%');
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_keeps_user_port_and_options() {
        let url = "postgres://me:p%40ss@db.example:5433/postgres?sslmode=require";
        assert_eq!(
            with_database(url, "mine"),
            "postgres://me:p%40ss@db.example:5433/mine?sslmode=require"
        );
        assert_eq!(
            with_database("postgres://localhost", "mine"),
            "postgres://localhost/mine"
        );
    }

    #[test]
    fn a_url_is_taken_to_pieces() {
        let pieces = Pieces::of("postgres://me:p%40s's@[::1]:5433/x?a=b").unwrap();
        let expected = Pieces {
            host: "::1".to_owned(),
            port: "5433".to_owned(),
            user: "me".to_owned(),
            password: Some("p@s's".to_owned()),
            name: "x".to_owned(),
        };
        assert_eq!(pieces, expected);
        let pieces = Pieces::of("postgres://db.example").unwrap();
        assert_eq!(
            (&*pieces.user, &*pieces.port, &*pieces.name),
            ("postgres", "5432", "")
        );
    }

    #[test]
    fn a_password_is_taken_out_of_a_url() {
        let (url, password) = without_password("postgres://me:p%40s%zs@db:5433/x");
        assert_eq!(
            (url.as_str(), password.as_deref()),
            ("postgres://me@db:5433/x", Some("p@s%zs"))
        );
        assert_eq!(
            without_password("postgres://me@db/x"),
            ("postgres://me@db/x".to_owned(), None)
        );
    }
}

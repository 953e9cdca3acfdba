//! A PostgreSQL server for the checks: the one that `TEST_DATABASE_URL` names, or a private one that is thrown away.

use std::fs::File;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::http;
use crate::packages;
use crate::process::{self, Child};

/// The oldest version whose server notices that a client has gone (`client_connection_check_interval`).
const OLDEST: u32 = 14;
const BY_HAND: &str = "PostgreSQL 14 or newer is needed and was not found, neither on PATH nor where systems usually keep it. \
    Install its server (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql@17`), \
    or name a server on which databases may be created: `TEST_DATABASE_URL=postgres://user:password@host/postgres`";

/// A server on which the checks may create databases.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    psql: Option<PathBuf>,
    // In this order: it stops before its folder goes.
    server: Option<Child>,
    _folder: Option<TempDir>,
}

impl Postgres {
    /// Finds or starts one. `run` carries out a command, showing what it says, and returns whether it ended well.
    pub(crate) fn provide(
        log: &Path,
        run: impl FnMut(&mut Command) -> Result<bool>,
    ) -> Result<Self> {
        if let Some(url) = std::env::var("TEST_DATABASE_URL")
            .ok()
            .filter(|url| !url.is_empty())
        {
            reach(&url)?;
            let mut psql = find_client();
            if psql.is_none() {
                // A check that needs it says so; the tests do without.
                let _ = packages::install(&["postgresql-client"], "", run);
                psql = find_client();
            }
            return Ok(Self {
                url,
                psql,
                server: None,
                _folder: None,
            });
        }
        let programs = if let Some(programs) = find_programs() {
            programs
        } else {
            packages::install(&["postgresql"], BY_HAND, run)?;
            find_programs().context(BY_HAND)?
        };
        start(&programs, log)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Creates an empty database.
    pub(crate) fn create_database(&self, log: &Path) -> Result<Database> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let psql = self.psql.clone().context("psql is needed to create a database (Debian, Ubuntu: `apt-get install postgresql-client`)")?;
        let name = format!(
            "strata_check_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let database = Database {
            url: with_database(&self.url, &name),
            name,
            server: self.url.clone(),
            psql,
            log: log.to_path_buf(),
        };
        if !database.ask_server("CREATE DATABASE")? {
            bail!("the database cannot be created; see {}", log.display());
        }
        Ok(database)
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        if self.server.is_some() {
            "a private PostgreSQL server"
        } else {
            "the PostgreSQL server of TEST_DATABASE_URL"
        }
    }
}

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
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn ask_server(&self, statement: &str) -> Result<bool> {
        let output = File::options().create(true).append(true).open(&self.log)?;
        // The password goes into the environment: everybody on this machine can read the arguments.
        let (server, password) = without_password(&self.server);
        let mut command = Command::new(&self.psql);
        command.args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            &server,
        ]);
        command.args(["--command", &format!("{statement} {}", self.name)]);
        command.envs(password.map(|password| ("PGPASSWORD", password)));
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(command.status()?.success())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A private server goes anyway; on somebody's own, what is left has a telling name.
        let _ = self.ask_server("DROP DATABASE IF EXISTS");
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
fn without_password(url: &str) -> (String, Option<String>) {
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

fn percent_decoded(text: &str) -> String {
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

/// `psql`, from PATH or beside the server's programs.
fn find_client() -> Option<PathBuf> {
    packages::find_program("psql").or_else(|| {
        find_programs()
            .map(|folder| folder.join("psql"))
            .filter(|file| file.is_file())
    })
}

/// Fails early, and without the password, if nobody is there.
fn reach(url: &str) -> Result<()> {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = place.split(['/', '?']).next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    let with_port = if place.contains(':') {
        place.to_owned()
    } else {
        format!("{place}:5432")
    };
    let address = with_port
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    let reached = address.is_some_and(|address| {
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok()
    });
    if !reached {
        bail!(
            "TEST_DATABASE_URL names {with_port}, and nobody answers there. Start that server, or unset the variable: then a private one is started."
        );
    }
    Ok(())
}

/// The folder with `initdb` and `postgres`: the newest version there is.
fn find_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    for (parent, prefix, rest) in [
        ("/usr/lib/postgresql", "", "bin"), // Debian, Ubuntu
        ("/usr", "pgsql-", "bin"),          // the project's packages for Fedora, RHEL
        ("/usr/lib64", "pgsql", "bin"),
        ("/usr/local", "pgsql", "bin"), // from source, FreeBSD
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
        ("/usr/libexec", "postgresql", ""), // Alpine
    ] {
        let entries = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let fitting =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(fitting.map(|entry| entry.path().join(rest)));
    }
    let with_programs = folders
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    let with_version =
        with_programs.filter_map(|folder| Some((version(&folder.join("postgres"))?, folder)));
    with_version
        .filter(|(version, _)| *version >= OLDEST)
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder)
}

/// 15, of `postgres (PostgreSQL) 15.14`.
fn version(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<u32> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// Whom root becomes, since initdb refuses root: user and group.
fn unprivileged_user() -> Result<Option<(u32, u32)>> {
    if !packages::is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let found = ["postgres", "nobody"]
        .iter()
        .find_map(|name| parse_user(&users, name));
    Ok(Some(found.context(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody",
    )?))
}

fn parse_user(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn start(programs: &Path, log: &Path) -> Result<Postgres> {
    let user = unprivileged_user()?;
    // Not below a home folder, which the unprivileged user could not enter.
    let folder = TempDir::with_prefix_in("strata-postgres-", "/tmp")
        .context("cannot create a folder in /tmp")?;
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
    }
    let data = folder.path().join("data");
    let output = File::options().create(true).append(true).open(log)?;
    let program = |name: &str| -> Result<Command> {
        let mut command = Command::new(programs.join(name));
        command
            .current_dir(folder.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    };

    let mut initdb = program("initdb")?;
    initdb.arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]);
    if !Child::spawn(&mut initdb)?
        .wait(Instant::now() + Duration::from_mins(2), || {})?
        .success()
    {
        bail!("initdb failed; see {}", log.display());
    }

    // Somebody else may take the port between our looking and the server's start.
    for _ in 0..5 {
        let port = http::free_port()?;
        let mut server = program("postgres")?;
        server
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "max_connections=300", // every test has a pool of its own
            // Its data is thrown away: nothing has to reach the disk.
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ] {
            server.args(["-c", setting]);
        }
        let mut server =
            Child::spawn(&mut server)?.stopped_by(Signal::SIGINT, Duration::from_secs(10)); // SIGINT: a fast shutdown
        let deadline = Instant::now() + Duration::from_mins(1);
        while server.status()?.is_none() && Instant::now() < deadline {
            let mut ask = program("pg_isready")?;
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
            if Child::spawn(&mut ask)?.wait(deadline, || {})?.success() {
                let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                return Ok(Postgres {
                    url,
                    psql: find_client(),
                    server: Some(server),
                    _folder: Some(folder),
                });
            }
            process::pause(Duration::from_millis(50))?;
        }
    }
    bail!(
        "the private PostgreSQL server does not start; see {}",
        log.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_says() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("nonsense"), None);
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
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:\npostgres:x:103:110:x:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(parse_user(users, "postgres"), Some((103, 110)));
        assert_eq!(parse_user(users, "nobody"), None);
    }
}

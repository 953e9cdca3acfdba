//! A server as production has one: TLS only, passwords, and roles that may do no more than they must.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::database::Database;
use super::private::Server;
use super::programs::{find_client, find_programs};
use crate::certificates::Issued;

/// Everybody else needs a password, and TLS.
const WHO_MAY_COME: &str = "local all postgres trust\nhostssl all all all scram-sha-256\n";

/// Somebody who may log in.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
}

/// A private server; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Secured {
    server: Server,
    psql: PathBuf,
    log: PathBuf,
}

impl Secured {
    /// Starts one with this certificate. Its programs must be installed.
    pub(crate) fn start(issued: &Issued, log: &Path) -> Result<Self> {
        let programs = find_programs().context("PostgreSQL is not installed")?;
        let files = [
            ("server.crt", fs::read(&issued.certificate)?),
            ("server.key", fs::read(&issued.key)?),
            ("pg_hba.conf", WHO_MAY_COME.into()),
        ];
        let server = Server::start_with(&programs, log, &["ssl=on"], &files)?;
        Ok(Self {
            server,
            psql: find_client().context("psql is not installed")?,
            log: log.to_path_buf(),
        })
    }

    pub(crate) fn port(&self) -> &str {
        let url = self.server.url();
        url.rsplit([':', '/']).nth(1).unwrap_or_default()
    }

    /// Names a database that isn't there yet; if somebody makes it, it can be looked into.
    pub(crate) fn planned_database(&self) -> Database {
        let (socket, port) = (self.server.socket(), self.port());
        let socket = socket.display();
        let server = format!("postgres://postgres@/postgres?host={socket}&port={port}");
        Database::planned(&server, self.client(), &self.log)
    }

    /// `psql`; the other client programs stand beside it.
    pub(crate) fn client(&self) -> &Path {
        &self.psql
    }

    /// Makes a database whose schema one role changes, and another one only uses.
    pub(crate) fn create_database(&self, name: &str, owner: &Role, user: &Role) -> Result<()> {
        for role in [owner, user] {
            let Role { name, password } = role;
            self.sql(
                "postgres",
                &format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"),
            )?;
        }
        let (owner, user) = (owner.name, user.name);
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {owner}"))?;
        self.sql(
            name,
            &format!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {user}"
            ),
        )
    }

    /// Carries out a statement as who may do everything.
    pub(crate) fn sql(&self, database: &str, statement: &str) -> Result<()> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let status = Command::new(self.client())
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
            .args(["--username", "postgres", "--port", self.port()])
            .arg("--host")
            .arg(self.server.socket())
            .args(["--dbname", database, "--command", statement])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        if !status.success() {
            bail!("psql fails; see {}", self.log.display());
        }
        Ok(())
    }
}

//! A PostgreSQL server for the checks: the one that `TEST_DATABASE_URL` names, or a private one that is thrown away.

mod bouncer;
mod database;
mod private;
mod programs;
mod secured;

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) use self::bouncer::Bouncer;
pub(crate) use self::database::Database;
pub(crate) use self::private::NOT_DURABLE;
use self::private::Server;
use self::programs::{find_client, find_programs};
pub(crate) use self::secured::{Role, Secured};
use crate::packages;

const BY_HAND: &str = "PostgreSQL 14 or newer is needed and was not found, neither on PATH nor where systems usually keep it. \
    Install its server (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql@17`), \
    or name a server on which databases may be created: `TEST_DATABASE_URL=postgres://user:password@host/postgres`";

/// A server on which the checks may create databases.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    psql: Option<PathBuf>,
    /// Kept running as long as this is.
    private: Option<Server>,
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
                private: None,
            });
        }
        let programs = if let Some(programs) = find_programs() {
            programs
        } else {
            packages::install(&["postgresql"], BY_HAND, run)?;
            find_programs().context(BY_HAND)?
        };
        let server = Server::start(&programs, log)?;
        Ok(Self {
            url: server.url().to_owned(),
            psql: find_client(),
            private: Some(server),
        })
    }

    /// One of the check's own, to be stopped whenever the check likes: by dropping it.
    pub(crate) fn private(
        log: &Path,
        run: impl FnMut(&mut Command) -> Result<bool>,
    ) -> Result<Self> {
        Self::provide_programs(run)?;
        let server = Server::start(&find_programs().context(BY_HAND)?, log)?;
        Ok(Self {
            url: server.url().to_owned(),
            psql: find_client(),
            private: Some(server),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Creates an empty database.
    pub(crate) fn create_database(&self, log: &Path) -> Result<Database> {
        Database::create(&self.url, self.client()?, log)
    }

    /// `psql`; the other client programs stand beside it.
    pub(crate) fn client(&self) -> Result<&Path> {
        self.psql.as_deref().context(
            "psql is needed to create a database (Debian, Ubuntu: `apt-get install postgresql-client`)",
        )
    }

    /// Sees to it that servers can be started here, also if the one that is used runs elsewhere.
    pub(crate) fn provide_programs(run: impl FnMut(&mut Command) -> Result<bool>) -> Result<()> {
        if find_programs().is_none() {
            packages::install(&["postgresql"], BY_HAND, run)?;
        }
        find_programs().map(drop).context(BY_HAND)
    }

    /// How many objects were ever made on it, databases among them; counted from somewhere, and beginning anew after 2³².
    pub(crate) fn objects_made(&self, log: &Path) -> Result<u32> {
        let database = self.create_database(log)?;
        database.number()
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        if self.private.is_some() {
            "a private PostgreSQL server"
        } else {
            "the PostgreSQL server of TEST_DATABASE_URL"
        }
    }
}

/// Fails early, and without the password, if nobody is there.
fn reach(url: &str) -> Result<()> {
    let Some(place) = place_of(url) else {
        return Ok(()); // a socket in the file system: the first test will tell
    };
    let address = place
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    let limit = Duration::from_secs(5);
    let reached = address.map(|address| TcpStream::connect_timeout(&address, limit));
    if !matches!(reached, Some(Ok(_))) {
        bail!(
            "TEST_DATABASE_URL names {place}, and nobody answers there. \
             Start that server, or unset the variable: then a private one is started."
        );
    }
    Ok(())
}

/// Host and port of a URL, if it names a host.
fn place_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let server = rest.split(['/', '?']).next()?;
    let place = server
        .rsplit('@')
        .next()
        .filter(|place| !place.is_empty())?;
    let has_port = place
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'));
    Some(if has_port {
        place.to_owned()
    } else {
        format!("{place}:5432")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_from_a_url() {
        for (url, place) in [
            (
                "postgres://me:p@ss@db.example:5433/x",
                Some("db.example:5433"),
            ),
            (
                "postgres://db.example/x?sslmode=require",
                Some("db.example:5432"),
            ),
            ("postgres://me@[::1]/x", Some("[::1]:5432")),
            ("postgres://me@[::1]:5433", Some("[::1]:5433")),
            ("postgres:///x?host=/run/postgresql", None),
        ] {
            assert_eq!(place_of(url).as_deref(), place, "{url}");
        }
    }
}

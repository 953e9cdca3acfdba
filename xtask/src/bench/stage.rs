//! What everything is measured on: the programs, a PostgreSQL server of its own, and users in it.

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::servers::{Server, Who};
use super::wrk::Wrk;
use crate::cargo::program;
use crate::context::Context;
use crate::generate::Request;
use crate::http::free_port;
use crate::postgres::{Database, Postgres};
use crate::runner::say;
use crate::service::Binary;
use crate::tools;

/// The generated project, as it stays in the cache.
const NAME: &str = "bench-svc";

/// More than one page of the table, and all of it in memory.
const USERS: &str = "10000";

/// What the users are called that are created while something is measured, by `load.lua`.
const ADDED: &str = "bench";

/// What the service is told: the environment `prod`, with all that it can do switched on. Limits are out of reach, not off.
const SETTINGS: [(&str, &str); 9] = [
    ("APP_ENV", "prod"),
    ("SERVER_HOST", "127.0.0.1"),
    ("SERVER_SHUTDOWN_DRAIN_SECS", "0"),
    ("DATABASE_PASSWORD", "b3nch-Wc5nJ8yPb3Ks"),
    ("DATABASE_SSL_MODE", "disable"),
    ("CORS_ALLOWED_ORIGINS", "https://app.example.com"),
    ("RATE_LIMIT_PER_SECOND", "1000000"),
    ("RATE_LIMIT_BURST", "1000000"),
    ("RATE_LIMIT_TRUSTED_PROXIES", "none"),
];

/// How the servers are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As they are shipped.
    Release,
    /// Without optimisation at link time, in a fraction of the time.
    Quick,
}

impl Profile {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Release => &["--release", "--locked"],
            Self::Quick => &[
                "--release",
                "--locked",
                "--config",
                "profile.release.lto = 'off'",
                "--config",
                "profile.release.codegen-units = 16",
            ],
        }
    }
}

/// The programs and the database. What not everything needs is made when it is first asked for.
pub(super) struct Stage<'c> {
    pub(super) cx: &'c Context<'c>,
    pub(super) service: Binary,
    profile: Profile,
    wrk: OnceCell<Wrk>,
    bare: OnceCell<PathBuf>,
    python: OnceCell<PathBuf>,
    // In this order: the database goes before its server.
    pub(super) database: Database,
    pub(super) postgres: Postgres,
    files: TempDir,
}

impl<'c> Stage<'c> {
    /// Builds the service.
    pub(super) fn build(cx: &Context<'_>, profile: Profile) -> Result<Binary> {
        let folder = cx.project(&Request::new(NAME))?;
        say("  building    the generated service");
        Ok(Binary {
            path: cx.build(&folder, profile.options())?,
            folder,
            settings: Vec::new(),
        })
    }

    /// Starts a database server with the users of a service that was built.
    pub(super) fn set(cx: &'c Context<'c>, service: Binary, profile: Profile) -> Result<Self> {
        let log = cx.log.with_file_name("bench-postgres.log");
        fs::write(&log, "")?;
        let postgres = Postgres::private(&log, |command| Ok(cx.execute(command)?.success()))?;
        let stage = Self {
            database: postgres.create_database(&cx.log)?,
            cx,
            service,
            profile,
            wrk: OnceCell::new(),
            bare: OnceCell::new(),
            python: OnceCell::new(),
            postgres,
            files: TempDir::with_prefix("strata-bench-")?,
        };
        stage.fill(&stage.database, USERS)?;
        Ok(stage)
    }

    /// What makes load.
    pub(super) fn wrk(&self) -> Result<&Wrk> {
        made(&self.wrk, || Wrk::provide(self.cx))
    }

    /// Migrates a database and puts rows into it.
    pub(super) fn fill(&self, database: &Database, rows: &str) -> Result<()> {
        let local = self.service.clone().setting("DATABASE_URL", database.url());
        for arguments in [&["migrate", "up"][..], &["seed", "--rows", rows]] {
            let status = self
                .cx
                .execute(&mut local.command(arguments.iter().copied()))?;
            ensure!(
                status.success(),
                "`{}` of the service fails; see {}",
                arguments.join(" "),
                self.cx.log.display()
            );
        }
        self.tidy(database)
    }

    /// Takes away what measuring added, and leaves the tables as they were: what was deleted isn't passed over any more.
    pub(super) fn tidy(&self, database: &Database) -> Result<()> {
        let is_done = database.run(None, &format!("DELETE FROM users WHERE name = '{ADDED}'"))?
            && database.run(None, "VACUUM ANALYZE")?;
        ensure!(
            is_done,
            "the database can't be tidied up; see {}",
            self.cx.log.display()
        );
        Ok(())
    }

    /// A file with the ids of a table's rows, one a line; of those that stay.
    pub(super) fn ids(&self, table: &str) -> Result<PathBuf> {
        let file = self.files.path().join(table);
        let mut copy = self.database.client(&format!(
            "COPY (SELECT id FROM {table} WHERE name <> '{ADDED}') TO STDOUT"
        ));
        let (status, ids) = self.cx.output(&mut copy)?;
        ensure!(status.success() && !ids.is_empty(), "there are no {table}");
        fs::write(&file, ids)?;
        Ok(file)
    }

    /// The id of a row.
    pub(super) fn first(&self, table: &str) -> Result<String> {
        let ids = fs::read_to_string(self.ids(table)?)?;
        Ok(ids.lines().next().unwrap_or_default().to_owned())
    }

    /// Starts a server on the database of the stage.
    pub(super) fn start(&self, who: Who) -> Result<Server> {
        self.start_on(who, &self.database)
    }

    /// Starts a server on a database.
    pub(super) fn start_on(&self, who: Who, database: &Database) -> Result<Server> {
        if who == Who::Service {
            return self.serve(database, &[], "/readyz");
        }
        let port = free_port()?;
        let mut command = self.reference(who, port)?;
        command.env("DATABASE_URL", database.url());
        Server::start(
            command,
            port,
            (port, "/"),
            &self.cx.log,
            who.logs_requests(),
        )
    }

    /// Starts the service on a database, with more settings, until it answers a path with 200: one of its own or `/readyz`.
    pub(super) fn serve(
        &self,
        database: &Database,
        settings: &[(&str, &str)],
        path: &str,
    ) -> Result<Server> {
        let (port, management) = (free_port()?, free_port()?);
        let mut command = self.service.command(["serve"]);
        told(&mut command, database, management).envs(settings.iter().copied());
        let asked = if path == "/readyz" { management } else { port };
        Server::start(
            command,
            port,
            (asked, path),
            &self.cx.log,
            Who::Service.logs_requests(),
        )
    }

    /// One of the servers to compare with.
    fn reference(&self, who: Who, port: u16) -> Result<Command> {
        let bare = self.folder("bare");
        let python = self.folder("fastapi");
        let module = match who {
            Who::Service | Who::Bare => {
                let binary = made(&self.bare, || {
                    say("  building    the bare server");
                    self.cx.build(&bare, self.profile.options())
                })?;
                return Ok(program(binary, &bare));
            }
            Who::FastApi => "plain:app",
            Who::FastApiProduction => "production:app",
            Who::FastApiSqlalchemy => "orm:app",
        };
        let requirements = python.join("requirements.txt");
        let interpreter = made(&self.python, || {
            tools::python_with(self.cx, "bench-fastapi", &requirements)
        })?;
        let mut command = program(interpreter, &python);
        command
            .args(["-m", "uvicorn", module, "--port", &port.to_string()])
            .args(["--loop", "uvloop", "--http", "httptools"])
            .args(["--no-access-log", "--log-level", "warning"])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }

    /// Where a server to compare with is.
    fn folder(&self, name: &str) -> PathBuf {
        self.cx.repo().root().join("bench/reference").join(name)
    }
}

/// Gives a command of the service what it is told.
pub(super) fn told<'c>(
    command: &'c mut Command,
    database: &Database,
    management: u16,
) -> &'c mut Command {
    command
        .envs(SETTINGS)
        .env("SERVER_MANAGEMENT_PORT", management.to_string())
        .env("DATABASE_URL", database.url())
}

/// What a cell holds, made when it is first asked for.
fn made<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if cell.get().is_none() {
        let _ = cell.set(make()?);
    }
    cell.get().context("what was made was not kept")
}

//! What everything is measured on: the programs, a PostgreSQL server of its own, and users in it.

use std::fs;
use std::path::{Path, PathBuf};
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

/// The programs and the database.
pub(super) struct Stage<'c> {
    pub(super) cx: &'c Context<'c>,
    pub(super) wrk: Wrk,
    pub(super) service: Binary,
    pub(super) bare: PathBuf,
    python: Option<PathBuf>,
    // In this order: the database goes before its server.
    pub(super) database: Database,
    pub(super) postgres: Postgres,
    files: TempDir,
}

impl<'c> Stage<'c> {
    /// Builds and starts what is needed; Python's servers only if they are.
    pub(super) fn set(cx: &'c Context<'c>, with_python: bool) -> Result<Self> {
        let project = cx.project(&Request::new(NAME))?;
        say("  building    the generated service, as it is shipped");
        let path = cx.build(&project, &["--release", "--locked"])?;
        say("  building    the bare server");
        let bare = cx.build(&reference(cx, "bare"), &["--release", "--locked"])?;
        let python = if with_python {
            let requirements = reference(cx, "fastapi").join("requirements.txt");
            Some(tools::python_with(cx, "bench-fastapi", &requirements)?)
        } else {
            None
        };
        let wrk = Wrk::provide(cx)?;
        let postgres =
            Postgres::private(&cx.log.with_file_name("bench-postgres.log"), |command| {
                Ok(cx.execute(command)?.success())
            })?;
        let service = Binary {
            path,
            folder: project,
            settings: Vec::new(),
        };
        let stage = Self {
            database: postgres.create_database(&cx.log)?,
            cx,
            wrk,
            service,
            bare,
            python,
            postgres,
            files: TempDir::with_prefix("strata-bench-")?,
        };
        stage.fill(&stage.database, USERS)?;
        Ok(stage)
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
        command
            .envs(SETTINGS)
            .env("SERVER_MANAGEMENT_PORT", management.to_string())
            .env("DATABASE_URL", database.url())
            .envs(settings.iter().copied());
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
        let module = match who {
            Who::Service | Who::Bare => {
                return Ok(program(&self.bare, &reference(self.cx, "bare")));
            }
            Who::FastApi => "plain:app",
            Who::FastApiProduction => "production:app",
            Who::FastApiSqlalchemy => "orm:app",
        };
        let python = self
            .python
            .as_ref()
            .context("Python's servers were not asked for")?;
        let mut command = program(python, &reference(self.cx, "fastapi"));
        command
            .args([
                "-m",
                "uvicorn",
                module,
                "--port",
                &port.to_string(),
                "--loop",
                "uvloop",
            ])
            .args([
                "--http",
                "httptools",
                "--no-access-log",
                "--log-level",
                "warning",
            ])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }
}

/// The folder of a server to compare with.
fn reference(cx: &Context<'_>, name: &str) -> PathBuf {
    let references: &Path = &cx.repo().root().join("bench/reference");
    references.join(name)
}

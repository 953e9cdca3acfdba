//! `backup/*`: what the service has written is dumped and comes back, by the scripts and the page that owners use.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::certificates::Authority;
use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{check, delivered};
use crate::context::Context;
use crate::http;
use crate::postgres::{Database, Postgres, Role, Secured};
use crate::service::Binary;

const BACKUP: &str = "sh k8s/components/backup/backup.sh";
const CREATE: &str = "createdb orders_restored";
const RESTORE: &str = "DATABASE_NAME=orders_restored sh k8s/components/backup/restore.sh orders-20261120T031500Z.dump";
const STATUS: &str = "DATABASE_NAME=orders_restored $APP migrate status";

/// What the server's certificate says.
const HOST: &str = "localhost";

/// Changes the schema, and takes dumps here.
const OWNER: Role = Role {
    name: "migrations",
    password: "4kT9wQ2xVn7LsR5c",
};
const USER: Role = Role {
    name: "service",
    password: "Zp6yB3mHd8JgF1qA",
};

/// Stands before the real one, and cuts its dump off.
const BROKEN_PG_DUMP: &str = r#"#!/bin/sh
for argument; do
    case $argument in --file=*) file=${argument#--file=} ;; esac
done
PATH=${PATH#*:} pg_dump "$@" && truncate --size=-100 "$file"
"#;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "backup/restore",
            10,
            "the database is dumped by the CronJob's script and restored as docs/backups.md says, over TLS to a server that is known; the service runs on it",
            restore,
        )
        .typing(&[BACKUP, CREATE, RESTORE, STATUS]),
    ]
}

fn restore(cx: &Context<'_>) -> Outcome {
    let what = "the commands of docs/backups.md on a database that the service has filled";
    let place = place_to_run(cx, Kind::Sqlite)?;
    let folder = place.folder.path();
    let server = Server::start(cx, folder, "authority")?;
    let (before, after) = (server.database()?, server.postgres.planned_database());
    let binary = Binary {
        settings: server.settings(before.name()),
        ..place.binary.clone()
    };
    for arguments in [&["migrate", "up"][..], &["seed", "--rows", "500"]] {
        let mut command = binary.command(arguments.iter().copied());
        cx.step(&mut command, "the database cannot be filled")?;
    }
    // Whoever migrates may not create it, nor say what it is. It has no tables, whose rows would be compared.
    let extension = "CREATE EXTENSION amcheck";
    server.postgres.sql(before.name(), extension)?;
    let rows = before.rows()?;

    let backup = Backup::prepare(cx, folder, &server, before.name())?;
    let outdated = backup.put_outdated()?;
    if cx.execute(&mut backup.broken()?)?.success() || backup.dumps()? != [outdated.clone()] {
        let wrong = "a dump that is cut off is not noticed, or something else goes with it";
        return Err(Failure::new(wrong, what).at(format!("{:?}", backup.dumps()?)));
    }
    strangers_get_nothing(cx, folder, &backup)?;
    cx.step(
        &mut backup.command(BACKUP, &[])?,
        "the database cannot be dumped",
    )?;
    let dumps = backup.dumps()?;
    let [dump] = &dumps[..] else {
        let wrong = "there is not one dump, or the outdated one is still there";
        return Err(Failure::new(wrong, what).at(format!("{dumps:?}")));
    };
    fs::remove_file(backup.directory.join(dump))?; // what was uploaded has to do
    let dump = backup.bucket.join(dump);

    let instead = [
        ("orders_restored", after.name()),
        ("orders-20261120T031500Z.dump", &*dump.to_string_lossy()),
    ];
    cx.step(
        &mut backup.command(CREATE, &instead)?,
        "the database cannot be created",
    )?;
    server.postgres.sql(after.name(), extension)?;
    cx.step(
        &mut backup.command(RESTORE, &instead)?,
        "the dump cannot be restored",
    )?;
    if cx
        .execute(&mut backup.command(RESTORE, &instead)?)?
        .success()
    {
        return Err(Failure::new(
            "a database that is not empty is overwritten",
            what,
        ));
    }
    let mut status = backup.command(STATUS, &instead)?;
    let (_, status) = cx.output(status.env("APP", &binary.path))?;
    if !status.contains(" applied, 0 pending") || status.contains("unknown") {
        return Err(Failure::new("the schema is not whole", what).at(status));
    }
    if rows != after.rows()? || rows.matches("<row>").count() < 500 {
        return Err(Failure::new("the rows are not the same", what));
    }

    let port = http::free_port()?;
    let restored = binary.setting("DATABASE_NAME", after.name());
    let service = restored.serve(port, &cx.log)?;
    let (status, users) = http::get(port, "/api/v1/users?limit=1")?;
    if status != 200 || !users.contains("\"email\":") {
        return Err(Failure::new("the restored service has no users", what).at(users));
    }
    service.stop()?;
    Ok(())
}

/// Whose certificate another authority has signed may have the right name, roles and data: no password goes there.
fn strangers_get_nothing(cx: &Context<'_>, folder: &Path, backup: &Backup<'_>) -> Outcome {
    let stranger = Server::start(cx, folder, "stranger")?;
    stranger
        .postgres
        .create_database(backup.database, &OWNER, &USER)?;
    let mut command = backup.command(BACKUP, &[])?;
    command.env("DATABASE_PORT", stranger.postgres.port());
    let begin = fs::read_to_string(&cx.log)?.len();
    let status = cx.execute(&mut command)?;
    let said = fs::read_to_string(&cx.log)?.split_off(begin);
    if !status.success() && said.contains("certificate verify failed") {
        return Ok(());
    }
    let wrong = "a server with a stranger's certificate is dumped, or refused for another reason";
    Err(Failure::new(wrong, BACKUP).at(said))
}

/// A server as production has one, and the authority that vouches for it.
struct Server {
    authority: Authority,
    postgres: Secured,
}

impl Server {
    /// Starts one, with its certificate in a folder of this name.
    fn start(cx: &Context<'_>, project: &Path, name: &str) -> Result<Self> {
        let folder = project.join(name);
        fs::create_dir(&folder)?;
        let run = |command: &mut Command| Ok(cx.execute(command)?.success());
        let authority = Authority::create(&folder, run)?;
        let issued = authority.issue("database", &[&format!("DNS:{HOST}")])?;
        Postgres::provide_programs(run)?;
        let postgres = Secured::start(&issued, &cx.log)?;
        Ok(Self {
            authority,
            postgres,
        })
    }

    /// Makes a database, whose owner may make others.
    fn database(&self) -> Result<Database> {
        let database = self.postgres.planned_database();
        self.postgres
            .create_database(database.name(), &OWNER, &USER)?;
        let may = format!("ALTER ROLE {} CREATEDB", OWNER.name);
        self.postgres.sql("postgres", &may)?;
        Ok(database)
    }

    /// A database's place as the service and the scripts take it.
    fn settings(&self, database: &str) -> Vec<(String, OsString)> {
        let settings: [(&str, OsString); 8] = [
            ("DATABASE_HOST", HOST.into()),
            ("DATABASE_PORT", self.postgres.port().into()),
            ("DATABASE_NAME", database.into()),
            ("DATABASE_USER", OWNER.name.into()),
            ("DATABASE_PASSWORD", OWNER.password.into()),
            ("DATABASE_SSL_MODE", "verify-full".into()),
            (
                "DATABASE_SSL_ROOT_CERT",
                self.authority.certificate().into(),
            ),
            ("DATABASE_AUTO_MIGRATE", "false".into()),
        ];
        settings
            .map(|(key, value)| (key.to_owned(), value))
            .to_vec()
    }
}

/// The scripts with their settings, as the `CronJob` gives them.
struct Backup<'c> {
    cx: &'c Context<'c>,
    project: &'c Path,
    server: &'c Server,
    database: &'c str,
    secrets: PathBuf,
    directory: PathBuf,
    bucket: PathBuf,
}

impl<'c> Backup<'c> {
    fn prepare(
        cx: &'c Context<'c>,
        project: &'c Path,
        server: &'c Server,
        database: &'c str,
    ) -> Result<Self> {
        let [secrets, directory, bucket] =
            ["secrets", "backup", "bucket"].map(|name| project.join(name));
        for folder in [&secrets, &directory, &bucket] {
            fs::create_dir(folder)?;
        }
        for (key, value) in server.settings(database) {
            if ["DATABASE_USER", "DATABASE_PASSWORD"].contains(&&*key) {
                fs::write(secrets.join(key), value.as_encoded_bytes())?;
            }
        }
        Ok(Self {
            cx,
            project,
            server,
            database,
            secrets,
            directory,
            bucket,
        })
    }

    /// A line of the page; user and password are in the secrets directory. What is not the scripts' asks as the same role.
    fn command(&self, line: &'static str, instead: &[(&str, &str)]) -> Result<Command> {
        let mut command = self.cx.typed(line, self.project, instead);
        let settings = self.server.settings(self.database);
        command.envs(
            settings
                .into_iter()
                .filter(|(key, _)| !self.secrets.join(key).exists()),
        );
        command
            .env("APP_SECRETS_DIR", &self.secrets)
            .env("BACKUP_DIR", &self.directory)
            .env("BACKUP_UPLOAD", "cp \"$1\" \"$BUCKET\"")
            .env("BUCKET", &self.bucket)
            .env("PGHOST", HOST)
            .env("PGPORT", self.server.postgres.port())
            .env("PGUSER", OWNER.name)
            .env("PGPASSWORD", OWNER.password)
            .env(
                "PATH",
                delivered::path_with(&[self.server.postgres.client()])?,
            );
        Ok(command)
    }

    /// A backup whose dump is cut off.
    fn broken(&self) -> Result<Command> {
        let folder = self.project.join("broken");
        fs::create_dir(&folder)?;
        let program = folder.join("pg_dump");
        fs::write(&program, BROKEN_PG_DUMP)?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        let mut command = self.command(BACKUP, &[])?;
        let path = delivered::path_with(&[&program, self.server.postgres.client()])?;
        command.env("PATH", path);
        Ok(command)
    }

    /// A dump of a month ago.
    fn put_outdated(&self) -> Result<String> {
        let name = format!("{}-20260101T000000Z.dump", self.database);
        let file = File::create(self.directory.join(&name))?;
        file.set_modified(SystemTime::now() - Duration::from_hours(24 * 30))?;
        Ok(name)
    }

    /// Everything in the directory of the dumps.
    fn dumps(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

//! `backup/*`: what the service has written is dumped and comes back, by the scripts and the page that owners use.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{check, delivered};
use crate::context::Context;
use crate::http;
use crate::postgres::Pieces;
use crate::service::Binary;

const BACKUP: &str = "sh k8s/components/backup/backup.sh";
const CREATE: &str = "createdb orders_restored";
const RESTORE: &str = "DATABASE_NAME=orders_restored sh k8s/components/backup/restore.sh orders-20261120T031500Z.dump";
const STATUS: &str = "DATABASE_NAME=orders_restored $APP migrate status";

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
            "the database is dumped by the CronJob's script and restored as docs/backups.md says; the service runs on it",
            restore,
        )
        .typing(&[BACKUP, CREATE, RESTORE, STATUS]),
    ]
}

fn restore(cx: &Context<'_>) -> Outcome {
    let what = "the commands of docs/backups.md on a database that the service has filled";
    let place = place_to_run(cx, Kind::Postgres)?;
    let folder = place.folder.path();
    let before = place.database.as_ref().context("it has a database")?;
    let pieces = before.pieces()?;
    let binary = Binary {
        settings: settings(&pieces),
        ..place.binary.clone()
    };
    for arguments in [&["migrate", "up"][..], &["seed", "--rows", "500"]] {
        let mut command = binary.command(arguments.iter().copied());
        cx.step(&mut command, "the database cannot be filled")?;
    }
    let rows = before.rows()?;

    let backup = Backup::prepare(cx, folder, &pieces)?;
    let outdated = backup.put_outdated()?;
    if cx.execute(&mut backup.broken()?)?.success() || backup.dumps()? != [outdated.clone()] {
        let wrong = "a dump that is cut off is not noticed, or something else goes with it";
        return Err(Failure::new(wrong, what).at(format!("{:?}", backup.dumps()?)));
    }
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

    let after = cx.postgres()?.planned_database(&cx.log)?;
    let name = after.pieces()?.name;
    let instead = [
        ("orders_restored", &*name),
        ("orders-20261120T031500Z.dump", &*dump.to_string_lossy()),
    ];
    cx.step(
        &mut backup.command(CREATE, &instead)?,
        "the database cannot be created",
    )?;
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
    let restored = binary.setting("DATABASE_NAME", name);
    let service = restored.serve(port, &cx.log)?;
    let (status, users) = http::get(port, "/api/v1/users?limit=1")?;
    if status != 200 || !users.contains("\"email\":") {
        return Err(Failure::new("the restored service has no users", what).at(users));
    }
    service.stop()?;
    Ok(())
}

/// The database's place as the service and the scripts take it.
fn settings(pieces: &Pieces) -> Vec<(String, std::ffi::OsString)> {
    let password = pieces.password.as_deref().unwrap_or("any");
    [
        ("DATABASE_HOST", &*pieces.host),
        ("DATABASE_PORT", &pieces.port),
        ("DATABASE_NAME", &pieces.name),
        ("DATABASE_USER", &pieces.user),
        ("DATABASE_PASSWORD", password),
        ("DATABASE_SSL_MODE", "prefer"), // the server of the checks need not have a certificate
        ("DATABASE_AUTO_MIGRATE", "false"),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .to_vec()
}

/// The scripts with their settings, as the `CronJob` gives them.
struct Backup<'c> {
    cx: &'c Context<'c>,
    project: &'c Path,
    pieces: &'c Pieces,
    secrets: PathBuf,
    directory: PathBuf,
    bucket: PathBuf,
}

impl<'c> Backup<'c> {
    fn prepare(cx: &'c Context<'c>, project: &'c Path, pieces: &'c Pieces) -> Result<Self> {
        let [secrets, directory, bucket] =
            ["secrets", "backup", "bucket"].map(|name| project.join(name));
        for folder in [&secrets, &directory, &bucket] {
            fs::create_dir(folder)?;
        }
        for (key, value) in settings(pieces) {
            if ["DATABASE_USER", "DATABASE_PASSWORD"].contains(&&*key) {
                fs::write(secrets.join(key), value.as_encoded_bytes())?;
            }
        }
        Ok(Self {
            cx,
            project,
            pieces,
            secrets,
            directory,
            bucket,
        })
    }

    /// A line of the page; user and password are in the secrets directory.
    fn command(&self, line: &'static str, instead: &[(&str, &str)]) -> Result<Command> {
        let mut command = self.cx.typed(line, self.project, instead);
        let settings = settings(self.pieces);
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
            .env("PGHOST", &self.pieces.host)
            .env("PGPORT", &self.pieces.port)
            .env("PGUSER", &self.pieces.user)
            .envs(
                self.pieces
                    .password
                    .iter()
                    .map(|password| ("PGPASSWORD", password)),
            )
            .env(
                "PATH",
                delivered::path_with(&[self.cx.postgres()?.client()?])?,
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
        let path = delivered::path_with(&[program.as_path(), self.cx.postgres()?.client()?])?;
        command.env("PATH", path);
        Ok(command)
    }

    /// A dump of a month ago.
    fn put_outdated(&self) -> Result<String> {
        let name = format!("{}-20260101T000000Z.dump", self.pieces.name);
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

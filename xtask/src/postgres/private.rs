//! A server of our own, started from installed programs and thrown away.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::http;
use crate::packages;
use crate::process::{self, Child};

const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running server with its data; dropped, both are gone.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    // In this order: it stops before its folder goes.
    _process: Child,
    folder: TempDir,
}

impl Server {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The folder of its socket, where it listens beside the port.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts one that lets everybody in, with the programs of a folder; what they say goes to `log`.
    pub(super) fn start(programs: &Path, log: &Path) -> Result<Self> {
        Self::start_with(programs, log, &[], &[])
    }

    /// The same with settings of its own, and files in its data folder: name and content.
    pub(super) fn start_with(
        programs: &Path,
        log: &Path,
        settings: &[&str],
        files: &[(&str, Vec<u8>)],
    ) -> Result<Self> {
        let user = unprivileged_user()?;
        // Not below a home folder, which the unprivileged user could not enter.
        let folder = TempDir::with_prefix_in("strata-postgres-", "/tmp")
            .context("cannot create a folder in /tmp")?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
        }
        let program = |name: &str| command(&programs.join(name), folder.path(), user, log);

        let mut initdb = program("initdb")?;
        initdb.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
            "data",
        ]);
        if !Child::spawn(&mut initdb)?
            .wait(Instant::now() + START_LIMIT, || {})?
            .success()
        {
            bail!("initdb failed; see {}", log.display());
        }
        for (name, content) in files {
            let path = folder.path().join("data").join(name);
            std::fs::write(&path, content)?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            if let Some((uid, gid)) = user {
                std::os::unix::fs::chown(&path, Some(uid), Some(gid))?;
            }
        }
        // Somebody else may take the port between our looking and the server's start.
        for _ in 0..5 {
            let port = http::free_port()?.to_string();
            if let Some(process) = serve(&port, settings, &program)? {
                let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                return Ok(Self {
                    url,
                    _process: process,
                    folder,
                });
            }
        }
        bail!(
            "the private PostgreSQL server does not start; see {}",
            log.display()
        )
    }
}

/// Its data is thrown away: nothing has to reach the disk.
pub(crate) const NOT_DURABLE: [&str; 3] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// Starts the server and waits until it is ready; none if it ends instead.
fn serve(
    port: &str,
    settings: &[&str],
    program: &impl Fn(&str) -> Result<Command>,
) -> Result<Option<Child>> {
    let mut server = program("postgres")?;
    server.args(["-D", "data", "-k", ".", "-p", port]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "max_connections=300", // every test has a pool of its own
    ]
    .iter()
    .chain(&NOT_DURABLE)
    .chain(settings)
    {
        server.args(["-c", setting]);
    }
    // SIGINT asks for a fast shutdown; SIGTERM would wait for clients.
    let mut process = Child::spawn(&mut server)?.stopped_by(Signal::SIGINT, STOP_LIMIT);
    let deadline = Instant::now() + START_LIMIT;
    while process.status()?.is_none() && Instant::now() < deadline {
        let mut ask = program("pg_isready")?;
        ask.args(["-q", "-h", "127.0.0.1", "-p", port]);
        if Child::spawn(&mut ask)?.wait(deadline, || {})?.success() {
            return Ok(Some(process));
        }
        process::pause(Duration::from_millis(50))?;
    }
    Ok(None)
}

/// One of PostgreSQL's programs, as that user, undisturbed by whatever PostgreSQL settings this process has.
pub(super) fn command(
    program: &Path,
    folder: &Path,
    user: Option<(u32, u32)>,
    log: &Path,
) -> Result<Command> {
    let output = File::options().create(true).append(true).open(log)?;
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("PG") {
            command.env_remove(key);
        }
    }
    command.current_dir(folder).env("LC_ALL", "C");
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// Whom root becomes, since neither PostgreSQL nor PgBouncer runs as root: user and group.
pub(super) fn unprivileged_user() -> Result<Option<(u32, u32)>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:\npostgres:x:103:110:x:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(parse_user(users, "postgres"), Some((103, 110)));
        assert_eq!(parse_user(users, "nobody"), None);
    }
}

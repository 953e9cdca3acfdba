//! PgBouncer in transaction mode, in front of the checks' server.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::database::Pieces;
use super::private::{command, unprivileged_user};
use crate::http;
use crate::packages;
use crate::process::{self, Child};

const BY_HAND: &str = "PgBouncer is needed and was not found. Install it (Debian, Ubuntu: `apt-get install pgbouncer`; macOS: `brew install pgbouncer`)";

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running PgBouncer; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Bouncer {
    url: String,
    // In this order: it stops before its folder goes.
    _process: Child,
    _folder: TempDir,
}

impl Bouncer {
    /// Starts one that passes everything on to the server of this URL. `run` carries out a command and returns whether it ended well.
    pub(crate) fn start(
        server: &str,
        log: &Path,
        run: impl FnMut(&mut Command) -> Result<bool>,
    ) -> Result<Self> {
        let program = if let Some(program) = find() {
            program
        } else {
            packages::install(&["pgbouncer"], BY_HAND, run)?;
            find().context(BY_HAND)?
        };
        let folder = TempDir::with_prefix_in("strata-pgbouncer-", "/tmp")
            .context("cannot create a folder in /tmp")?;
        let user = unprivileged_user()?;
        let port = http::free_port()?;
        let settings = folder.path().join("pgbouncer.ini");
        std::fs::write(&settings, settings_for(server, port)?)?;
        if let Some((uid, gid)) = user {
            for path in [folder.path(), &settings] {
                std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
            }
        }
        let mut start = command(&program, folder.path(), user, log)?;
        let mut process = Child::spawn(start.args(["-q", "pgbouncer.ini"]))?;
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.status()?.is_some() || Instant::now() > deadline {
                bail!("PgBouncer does not start; see {}", log.display());
            }
            process::pause(Duration::from_millis(50))?;
        }
        Ok(Self {
            url: format!("postgres://anybody@127.0.0.1:{port}/postgres"),
            _process: process,
            _folder: folder,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Whoever comes is let in, as the user of the server's URL.
fn settings_for(server: &str, port: u16) -> Result<String> {
    let Pieces {
        host,
        port: server_port,
        user,
        password,
        ..
    } = Pieces::of(server)?;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let password = password.map_or_else(String::new, |password| {
        format!(" password={}", quoted(&password))
    });
    Ok(format!(
        "[databases]\n\
         * = host={host} port={server_port} user={}{password}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = 20\n\
         max_client_conn = 1000\n",
        quoted(&user)
    ))
}

fn find() -> Option<PathBuf> {
    let system = || Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|file| file.is_file());
    packages::find_program("pgbouncer").or_else(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_a_url_stands_in_the_settings() {
        let settings = settings_for("postgres://me:p%40s's@db.example:5433/x?a=b", 7).unwrap();
        let line = "* = host=db.example port=5433 user='me' password='p@s''s'\n";
        assert!(settings.contains(line), "{settings}");
        let settings = settings_for("postgres://me@[::1]/x", 7).unwrap();
        assert!(
            settings.contains("* = host=::1 port=5432 user='me'\n"),
            "{settings}"
        );
    }
}

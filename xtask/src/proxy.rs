//! `HAProxy` in front of several replicas, each of which it asks whether it is ready.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::http;
use crate::process::{self, Child};
use crate::tools::Haproxy;

/// Until the proxy has found out which replicas are there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it tells its statistics, in its folder.
const SOCKET: &str = "statistics.sock";

/// A place where a replica may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) number: usize,
    pub(crate) port: u16,
    pub(crate) management: u16,
}

impl Slot {
    /// So many of them.
    pub(crate) fn several<const N: usize>() -> Result<[Self; N]> {
        let mut slots = [Self {
            number: 0,
            port: 0,
            management: 0,
        }; N];
        for (number, slot) in slots.iter_mut().enumerate() {
            *slot = Self {
                number,
                port: http::free_port()?,
                management: http::free_port()?,
            };
        }
        Ok(slots)
    }
}

/// A running proxy; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    // In this order: it stops before its folder goes.
    _process: Child,
    folder: TempDir,
}

impl Proxy {
    /// Starts one; what it says goes to `log`.
    pub(crate) fn start(program: &Haproxy, slots: &[Slot], log: &Path) -> Result<Self> {
        let port = http::free_port()?;
        let folder = TempDir::with_prefix("strata-haproxy-")?;
        let settings = folder.path().join("haproxy.cfg");
        std::fs::write(&settings, settings_for(port, slots))?;
        let output = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(&program.binary);
        command.arg("-db").arg("-f").arg(settings);
        command.current_dir(folder.path()); // for its socket
        command.envs(
            program
                .libraries
                .iter()
                .map(|path| ("LD_LIBRARY_PATH", path)),
        );
        command.stdout(output.try_clone()?).stderr(output);
        Ok(Self {
            port,
            _process: Child::spawn(&mut command)?,
            folder,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until exactly these replicas get requests.
    pub(crate) fn wait_for(&self, expected: &[Slot]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let states = self.statistics("status"); // it may not listen yet
            if let Ok(states) = &states {
                let up = states.iter().filter(|(_, state)| state.starts_with("UP"));
                if expected
                    .iter()
                    .map(|slot| &slot.number)
                    .eq(up.map(|(number, _)| number))
                {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                bail!("the proxy sees other replicas: {states:?}");
            }
            process::pause(Duration::from_millis(50))?;
        }
    }

    /// How many requests a replica has answered well.
    pub(crate) fn answered(&self, slot: Slot) -> Result<u64> {
        let all = self.statistics("hrsp_2xx")?;
        Ok(all[&slot.number].parse()?)
    }

    /// A column of its statistics, by the number of the slot.
    fn statistics(&self, column: &str) -> Result<BTreeMap<usize, String>> {
        let mut socket = UnixStream::connect(self.folder.path().join(SOCKET))?;
        socket.write_all(b"show stat\n")?;
        let mut csv = String::new();
        socket.read_to_string(&mut csv)?;
        parse_statistics(&csv, column).with_context(|| format!("no {column} in {csv}"))
    }
}

/// Checks come often and count soon, so that a replica that is about to stop is left alone long before its drain is over; but one that
/// is slow, on a busy machine, is not taken for gone. A request is sent again only if the connection to a replica could not be made.
fn settings_for(port: u16, slots: &[Slot]) -> String {
    let mut settings = format!(
        "global\n\
        \x20   stats socket unix@{SOCKET}\n\
         defaults\n\
        \x20   mode http\n\
        \x20   timeout connect 2s\n\
        \x20   timeout client 60s\n\
        \x20   timeout server 30s\n\
        \x20   timeout check 5s\n\
        \x20   retry-on conn-failure\n\
         listen replicas\n\
        \x20   bind 127.0.0.1:{port}\n\
        \x20   option forwardfor\n\
        \x20   option httpchk GET /readyz\n\
        \x20   http-check expect status 200\n\
        \x20   default-server check inter 200ms fall 2 rise 1\n"
    );
    for Slot {
        number,
        port,
        management,
    } in slots
    {
        let _ = writeln!(
            settings,
            "    server {number} 127.0.0.1:{port} port {management}"
        );
    }
    settings
}

/// Lines of the proxies' statistics: `# pxname,svname,…`, then one for each server, and for a few other things.
fn parse_statistics(csv: &str, column: &str) -> Option<BTreeMap<usize, String>> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let place = |name| header.iter().position(|column| *column == name);
    let (name, column) = (place("svname")?, place(column)?);
    let of_server = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        let number = values.get(name)?.parse().ok()?;
        Some((number, (*values.get(column)?).to_owned()))
    };
    Some(lines.filter_map(of_server).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_for_the_servers_only() {
        let csv = "# pxname,svname,status,hrsp_2xx,\nreplicas,FRONTEND,OPEN,9,\nreplicas,0,UP,7,\nreplicas,1,DOWN,2,\nreplicas,BACKEND,UP,9,\n";
        let states = parse_statistics(csv, "status").unwrap();
        assert_eq!(
            states,
            BTreeMap::from([(0, "UP".to_owned()), (1, "DOWN".to_owned())])
        );
        assert_eq!(parse_statistics(csv, "nonsense"), None);
    }
}

//! What a connection costs that is kept and does nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::servers::Who;
use crate::bench::stage::Stage;
use crate::load::Client;
use crate::process;
use crate::runner::say;

const REST: Duration = Duration::from_secs(2);

/// Files that this tool needs beside the connections.
const OTHER_FILES: u64 = 100;

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    allow_files(u64::from(pace.connections) + OTHER_FILES)?;
    for who in [Who::Service, Who::Bare] {
        say(&format!(
            "  connections {} to {}",
            pace.connections,
            who.describe()
        ));
        let server = stage.start(who)?;
        process::pause(REST)?;
        let before = server.group().resident()?;
        let mut clients = Vec::new();
        for _ in 0..pace.connections {
            // One that never asked anything would be closed soon.
            let mut client = Client::new(server.port(), "127.0.0.1".to_owned());
            let (status, _) = client.ask("GET /", "")?;
            ensure!(status == 200, "a connection is answered with {status}");
            clients.push(client);
        }
        process::pause(REST)?;
        let grown = server.group().resident()? - before;
        samples.add(
            format!("connection/{}", who.name()),
            grown * 1024.0 / f64::from(pace.connections),
        );
        drop(clients);
        server.stop()?;
    }
    Ok(())
}

/// Each connection needs an open file, at either end.
fn allow_files(needed: u64) -> Result<()> {
    let (allowed, possible) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(
        needed <= possible,
        "{needed} open files are needed and {possible} may be allowed: raise the limit (`ulimit -Hn`)"
    );
    if allowed < needed {
        setrlimit(Resource::RLIMIT_NOFILE, needed, possible)?;
    }
    Ok(())
}

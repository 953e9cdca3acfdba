use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::core::config::{Config, ServerConfig};

/// Longer than the checks behind `/readyz` may take, shorter than a container's usual patience of 5 s or more.
const PATIENCE: Duration = Duration::from_secs(3);

/// An answer is a line of JSON.
const LONGEST_ANSWER: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// Ask only whether the process answers (/livez), not whether its database does (/readyz)
    #[arg(long)]
    live: bool,
}

impl HealthcheckArgs {
    /// One plain HTTP request: it must also work without the HTTP client, which is optional.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = Config::load()?;
        let address = address(config.section());
        let path = if self.live { "/livez" } else { "/readyz" };
        let answer = ask(address, path)
            .with_context(|| format!("http://{address}{path} does not answer"))?;
        let status = answer.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("200") {
            return Ok(());
        }
        let body = answer
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
            .trim();
        bail!("http://{address}{path} answers {status}: {body}")
    }
}

/// Where the management routes are, seen from this machine.
pub(super) fn address(server: &ServerConfig) -> SocketAddr {
    let host = match server.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, server.management_port.unwrap_or(server.port))
}

fn ask(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

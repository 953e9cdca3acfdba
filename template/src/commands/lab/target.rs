//! The service that is loaded: which one, and whether it is there.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use axum::http::{StatusCode, Uri, uri::Scheme};
use clap::Args;
use tokio::net::lookup_host;

use super::{
    connection::{Address, Connection},
    watch::{STATUS, Status},
};
use crate::{commands::healthcheck, core::config::Config};

#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// Where the service's management routes are; without it, where the settings say that it listens
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Permit an address that is not on this machine. Load is an attack on whoever did not ask for it
    #[arg(long)]
    allow_remote: bool,
}

/// A service with a lab.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) url: String,
}

impl TargetArgs {
    /// Finds the service.
    ///
    /// # Errors
    ///
    /// If it is not on this machine, not there, or has no lab.
    pub(super) async fn find(&self) -> anyhow::Result<Target> {
        let url = if let Some(url) = &self.url {
            url.trim_end_matches('/').to_owned()
        } else {
            let config = Config::load()?;
            format!("http://{}", healthcheck::address(config.section()))
        };
        let address = resolve(&url, self.allow_remote).await?;
        let mut connection = Connection::to(address.clone());
        match connection.get(STATUS).await {
            Err(error) => {
                return Err(error.context(format!(
                    "nobody answers at {url}: start the service with `cargo run --release --features lab`, or say with --url where it is"
                )));
            }
            Ok((StatusCode::NOT_FOUND, _)) => bail!(
                "the service at {url} has no lab: it needs the feature `lab`, APP_ENV local or dev, and the port of the management routes"
            ),
            Ok(_) => Status::ask(&mut connection).await?,
        };
        Ok(Target { address, url })
    }
}

impl Target {
    /// # Errors
    ///
    /// If it does not answer any more.
    pub(super) async fn is_there(&self) -> anyhow::Result<()> {
        let mut connection = Connection::to(self.address.clone());
        let status = Status::ask(&mut connection).await;
        status
            .map(drop)
            .with_context(|| format!("{} does not answer any more", self.url))
    }
}

async fn resolve(url: &str, allow_remote: bool) -> anyhow::Result<Address> {
    let uri: Uri = url
        .parse()
        .with_context(|| format!("--url {url:?} is no URL"))?;
    let authority = uri.authority().filter(|authority| {
        let is_bare = ["", "/"].contains(&uri.path()) && uri.query().is_none();
        uri.scheme() == Some(&Scheme::HTTP) && is_bare && !authority.as_str().contains('@')
    });
    let Some(authority) = authority else {
        bail!(
            "--url {url:?}: it has to be http://, a host and a port, such as http://127.0.0.1:8080"
        );
    };
    let host = authority.host().trim_matches(['[', ']']);
    let found = lookup_host((host, authority.port_u16().unwrap_or(80))).await;
    let sockets: Vec<SocketAddr> = found
        .with_context(|| format!("--url {url:?}: there is no {host}"))?
        .collect();
    // One name can stand for several addresses: none of them may be somebody else's.
    let strange = sockets.iter().find(|socket| !socket.ip().is_loopback());
    if let Some(strange) = strange.filter(|_| !allow_remote) {
        bail!(
            "{} is not this machine, and load is an attack on whoever did not ask for it; --allow-remote says that it is meant",
            strange.ip()
        );
    }
    // Where a name has both kinds, a service listens on 127.0.0.1 rather than on ::1.
    let socket = sockets.iter().find(|socket| socket.is_ipv4());
    let socket = socket.or_else(|| sockets.first());
    Ok(Address {
        socket: *socket.with_context(|| format!("--url {url:?}: {host} has no address"))?,
        host: authority.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_this_machine_is_loaded_unless_it_is_said() {
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://127.0.0.7",
        ] {
            resolve(url, false).await.unwrap();
        }
        // Addresses for documentation: nobody has them (RFC 5737, RFC 3849).
        for url in [
            "http://192.0.2.1:8080",
            "http://[2001:db8::1]:8080",
            "http://0.0.0.0:80",
        ] {
            let error = resolve(url, false).await.unwrap_err().to_string();
            assert!(error.contains("--allow-remote"), "{error}");
            resolve(url, true).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_service_without_a_lab_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let find = async |url: &str| {
            let arguments = TargetArgs {
                url: Some(url.to_owned()),
                allow_remote: false,
            };
            format!("{:#}", arguments.find().await.unwrap_err())
        };
        let serving = tokio::spawn(async { axum::serve(listener, Router::new()).await });
        let error = find(&url).await;
        let expected = format!("the service at {url} has no lab: it needs the feature `lab`");
        assert!(error.starts_with(&expected), "{error}");
        serving.abort();
        let _ = serving.await;
        let error = find(&url).await;
        assert!(
            error.starts_with(&format!("nobody answers at {url}: ")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_url_is_a_scheme_a_host_and_a_port() {
        for url in [
            "",
            "127.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/lab",
            "http://127.0.0.1:8080/?x=1",
            "http://user:password@127.0.0.1:8080",
            "http://",
        ] {
            let error = resolve(url, true).await.unwrap_err().to_string();
            assert!(error.starts_with("--url"), "{url}: {error}");
        }
    }
}

//! A Kubernetes that is only asked: an API server with its storage. Nobody acts on the objects in it, so no pod ever starts.

mod build;

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cargo::program;
use crate::certificates::Authority;
use crate::context::Context;
use crate::http;
use crate::process::{self, Child};
use crate::tools;

const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What the server is told beside its addresses; the files are in its folder.
const SERVER: [&str; 14] = [
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none", // it would refuse that address for the Service of the server itself
    "--tls-cert-file=server.pem",
    "--tls-private-key-file=server.key",
    "--token-auth-file=tokens.csv",
    "--anonymous-auth=false",
    "--cert-dir=.",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-key-file=server.pem",
    "--service-account-signing-key-file=server.key",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--feature-gates=TTLAfterFinished=true", // for everybody since 1.21
    "--enable-admission-plugins=PodSecurityPolicy",
];

/// A running API server; dropped, it is gone with all that it holds.
#[derive(Debug)]
pub(crate) struct Cluster {
    // In this order: the server stops before its storage, and both before their folder goes.
    server: Child,
    _storage: Child,
    folder: TempDir,
}

impl Cluster {
    /// Starts one that only this machine reaches, and only with its token.
    pub(crate) fn start(cx: &Context<'_>) -> Result<Self> {
        let kube_apiserver = build::kube_apiserver(cx)?;
        let etcd = tools::etcd(cx)?;
        let folder = TempDir::with_prefix("strata-kubernetes-")?;
        let authority =
            Authority::create(folder.path(), |command| Ok(cx.execute(command)?.success()))?;
        authority.issue("server", &["IP:127.0.0.1"])?;

        // They talk a lot, and most of it is about what they don't find in an empty cluster.
        let log = cx.log.with_file_name("kubernetes.log");
        std::fs::write(&log, "")?;
        let (clients, members) = (http::free_port()?, http::free_port()?);
        let clients = format!("http://127.0.0.1:{clients}");
        let mut etcd = program(etcd, folder.path());
        etcd.args(["--data-dir=etcd", "--unsafe-no-fsync"]) // its data is thrown away
            .arg(format!("--listen-client-urls={clients}"))
            .arg(format!("--advertise-client-urls={clients}"))
            .arg(format!("--listen-peer-urls=http://127.0.0.1:{members}"));
        let storage = spawn(&mut etcd, &log)?;

        let port = http::free_port()?;
        let token = token()?;
        let users = format!("{token},operator,operator,system:masters\n");
        write_secret(&folder.path().join("tokens.csv"), &users)?;
        let access = access(port, &token).to_string();
        write_secret(&folder.path().join("kubeconfig"), &access)?;
        let mut server = program(kube_apiserver, folder.path());
        server
            .args(SERVER)
            .arg(format!("--secure-port={port}"))
            .arg(format!("--etcd-servers={clients}"));
        let mut cluster = Self {
            server: spawn(&mut server, &log)?,
            _storage: storage,
            folder,
        };
        cluster.wait_until_ready(cx, &log)?;
        Ok(cluster)
    }

    /// What tells kubectl where the server is, and who asks.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn wait_until_ready(&mut self, cx: &Context<'_>, log: &Path) -> Result<()> {
        let kubectl = tools::kubectl(cx)?;
        let deadline = Instant::now() + START_LIMIT;
        while self.server.status()?.is_none() && Instant::now() < deadline {
            let mut ask = program(&kubectl, self.folder.path());
            ask.args(["get", "--raw=/readyz"])
                .env("KUBECONFIG", self.kubeconfig());
            if cx.execute(&mut ask)?.success() {
                return Ok(());
            }
            process::pause(Duration::from_millis(500))?;
        }
        bail!("the API server does not start; see {}", log.display())
    }
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let output = File::options().append(true).open(log)?;
    command.stdout(output.try_clone()?).stderr(output);
    Ok(Child::spawn(command)?.stopped_by(Signal::SIGTERM, STOP_LIMIT))
}

/// A file that nobody else reads.
fn write_secret(file: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn token() -> Result<String> {
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

/// The content of a kubeconfig; the authority's certificate is beside it.
fn access(port: u16, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "check", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": "ca.pem",
        } }],
        "users": [{ "name": "operator", "user": { "token": token } }],
        "contexts": [{ "name": "check", "context": { "cluster": "check", "user": "operator" } }],
        "current-context": "check",
    })
}

//! The image as the pods of production run it.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::overlay::{Overlay, Started};
use super::{NAME, SQLITE, built};
use crate::cargo::program;
use crate::certificates::Authority;
use crate::check::{Failure, Outcome};
use crate::context::Context;
use crate::generate::Request;
use crate::http::{free_port, get, send};
use crate::image::{Container, Image, Share, Store, texts};
use crate::load::Load;
use crate::postgres::{Postgres, Role, Secured};
use crate::process::{self, Child};
use crate::runner::say;
use crate::service::{self, Service};

/// Changes the schema.
const OWNER: Role = Role {
    name: "migrations",
    password: "7hQ2vX9mLd4TzR1k",
};
/// Serves.
const USER: Role = Role {
    name: "service",
    password: "Wc5nJ8yPb3KsG6fE",
};

/// Where an image keeps the certificates of the usual authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the pods find in this cluster of one machine.
struct Cluster<'c> {
    store: &'c Store,
    image: &'c Image,
    files: TempDir,
    authority: Authority,
    database: Secured,
}

pub(super) fn runs(cx: &Context<'_>) -> Outcome {
    let (store, image) = built(cx)?;
    let overlay = Overlay::prod(cx, &Request::new(NAME))?;
    let api = overlay.container("Deployment", "api")?;
    let cluster = Cluster::with(cx, &store, &image, &api)?;

    let migrate = overlay.container("Job", "migrate")?;
    let job = cluster.pod(&migrate, &OWNER)?;
    in_order(cx, &job)?;
    started(cx, &job, &migrate, "the migration job fails")?;

    let wait = overlay.container("Deployment", "wait-for-migrations")?;
    let pod = cluster.pod(&wait, &USER)?;
    let wrong = "the pod does not find the schema as the job left it";
    started(cx, &pod, &wait, wrong)?;

    let mut pod = cluster.pod(&api, &USER)?;
    in_order(cx, &pod)?;
    let _upstream = cluster.upstream(cx, &mut pod)?;
    let management = free_port()?;
    pod.setting("SERVER_MANAGEMENT_PORT", management.to_string());
    // The load says for whom it asks.
    pod.setting("RATE_LIMIT_TRUSTED_PROXIES", "127.0.0.1/32");
    let serve = |pod: &Container| -> Result<Service> {
        let command = pod.command(&api.arguments)?;
        service::serve(command, free_port()?, management, &cx.log)
    };
    let service = serve(&pod)?;
    rows_come_and_go(cx, &service)?;
    all_is_well(management)?;
    it_fits(cx, &service, management, &api.memory)?;
    let health = texts(&image.config["Healthcheck"]["Test"]);
    let mut health = pod.program(health.get(1..).unwrap_or_default())?;
    cx.step(
        &mut health,
        "the image's own health check fails while the service is ready",
    )?;
    service.stop()?;
    what_it_requests_is_enough(&api, pod, serve)?;

    sqlite_works(cx, &store, &image)
}

/// What a container of the overlay does, to its end.
fn started(cx: &Context<'_>, pod: &Container, container: &Started, wrong: &str) -> Outcome {
    cx.step(&mut pod.command(&container.arguments)?, wrong)
}

/// The settings are accepted, and nothing about them is odd.
fn in_order(cx: &Context<'_>, pod: &Container) -> Outcome {
    let mut check = pod.command(["config", "check"])?;
    let begin = fs::read_to_string(&cx.log)?.len();
    cx.step(&mut check, "the settings of the overlay prod are refused")?;
    let log = fs::read_to_string(&cx.log)?;
    match log[begin..].lines().find(|line| line.contains("warning")) {
        Some(warning) => {
            let wrong = "the settings of the overlay prod are odd";
            Err(Failure::new(wrong, "`config check` in the image").at(warning))
        }
        None => Ok(()),
    }
}

fn rows_come_and_go(cx: &Context<'_>, service: &Service) -> Outcome {
    let wanted = |method: &str, path: &str, body: &str, status: u16| -> Result<Value> {
        let (answered, text) = send(service.port(), method, path, body)?;
        cx.note(&format!("{method} {path}: {answered} {text}"))?;
        ensure!(
            answered == status,
            "{method} {path} answers {answered}, not {status}: {text}"
        );
        Ok(serde_json::from_str(&text).unwrap_or_default())
    };
    let users = "/api/v1/users";
    let ada = r#"{"name":"Ada","email":"ada@example.com"}"#;
    let id = wanted("POST", users, ada, 201)?["id"].clone();
    let user = format!("{users}/{}", id.as_str().context("a user has an id")?);
    wanted("PATCH", &user, r#"{"name":"Ada Lovelace"}"#, 200)?;
    let name = wanted("GET", &user, "", 200)?["name"].clone();
    ensure_is(&name, "Ada Lovelace")?;
    wanted("DELETE", &user, "", 204)?;
    wanted("GET", &user, "", 404)?;
    // What is for operators has a port of its own.
    wanted("GET", "/readyz", "", 404)?;
    Ok(())
}

fn ensure_is(value: &Value, expected: &str) -> Result<()> {
    ensure!(value == expected, "{value} is not {expected}");
    Ok(())
}

/// Every health check passes; among them the upstream, which is asked over TLS with the image's own certificates.
fn all_is_well(management: u16) -> Outcome {
    let (status, health) = get(management, "/health")?;
    let report: Value = serde_json::from_str(&health)?;
    if status == 200 && report["checks"]["quotes"]["status"] == "healthy" {
        return Ok(());
    }
    let wrong = "not everything is healthy";
    Err(Failure::new(wrong, "/health of the image's service").at(health))
}

/// Under load, the memory of its container is enough.
fn it_fits(cx: &Context<'_>, service: &Service, management: u16, limit: &str) -> Outcome {
    const CLIENTS: usize = 100;
    const LOAD: Duration = Duration::from_secs(10);
    const HELD: &str = "process_resident_memory_bytes ";
    let mebibytes = limit
        .strip_suffix("Mi")
        .and_then(|limit| limit.parse().ok());
    let allowed: u64 = mebibytes.with_context(|| format!("{limit} is not in Mi"))?;

    let load = Load::begin(service.port(), CLIENTS);
    let (since, mut most) = (Instant::now(), 0);
    while since.elapsed() < LOAD {
        let (_, metrics) = get(management, "/metrics")?;
        let held = metrics.lines().find_map(|line| line.strip_prefix(HELD));
        let held: f64 = held
            .context("/metrics does not say how much memory is held")?
            .parse()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes of a process"
        )]
        let held = held as u64 / 1024 / 1024;
        most = most.max(held);
        thread::sleep(Duration::from_millis(200));
    }
    let tally = load.end()?;
    cx.note(&format!(
        "{most} of {allowed} MiB under {CLIENTS} clients: {tally}"
    ))?;
    if let Some(failure) = tally.failures.first() {
        let wrong = "requests fail under load";
        return Err(
            Failure::new(wrong, format!("{CLIENTS} clients of the image's service")).at(failure),
        );
    }
    if most < allowed * 9 / 10 {
        return Ok(());
    }
    let wrong = "the memory of the container is hardly enough";
    Err(
        Failure::new(wrong, format!("{CLIENTS} clients of the image's service"))
            .at(format!("{most} of {allowed} MiB")),
    )
}

/// With no more of a processor than the pod requests, though it may have more where there is more, the service is up in time and serves some.
fn what_it_requests_is_enough(
    api: &Started,
    mut pod: Container,
    serve: impl Fn(&Container) -> Result<Service>,
) -> Outcome {
    const CLIENTS: usize = 8;
    const LOAD: Duration = Duration::from_secs(10);
    let processor = &api.processor;
    let millicores = processor.strip_suffix('m').map(str::parse);
    let millicores = millicores.with_context(|| format!("{processor} is not in millicores"))??;
    let budget = api.start_budget.context("nobody asks whether it starts")?;
    let share = match Share::of(millicores) {
        Ok(share) => share,
        Err(error) => {
            say(&format!(
                "        not tried with {processor} of a processor: {error:#}"
            ));
            return Ok(());
        }
    };
    pod.limit(&share);
    let begun = Instant::now();
    let service = serve(&pod)?;
    let started = begun.elapsed();
    let what = format!("the image's service with {processor} of a processor");
    if started > Duration::from_secs(budget) {
        let wrong = "the service would be killed before it is ready";
        return Err(Failure::new(wrong, what).at(format!("{started:?} of {budget} s")));
    }
    let before = share.periods()?;
    let load = Load::begin(service.port(), CLIENTS);
    process::pause(LOAD)?;
    let tally = load.end()?;
    let after = share.periods()?;
    service.stop()?;
    let (all, stopped) = (after.all - before.all, after.stopped - before.stopped);
    say(&format!(
        "        with {processor} of a processor: ready after {:.1} of {budget} s; {CLIENTS} clients for {} s: {tally}; the quota stopped it in {stopped} of {all} periods",
        started.as_secs_f32(),
        LOAD.as_secs(),
    ));
    match tally.failures.first() {
        Some(failure) => Err(Failure::new("requests fail", what).at(failure)),
        None => Ok(()),
    }
}

/// With the database of `local`, which is no server.
fn sqlite_works(cx: &Context<'_>, store: &Store, image: &Image) -> Outcome {
    let mut container = Container::of(store, image)?;
    container.setting("APP_ENV", "local");
    container.setting("DATABASE_URL", SQLITE);
    let wrong = "SQLite does not work in the image";
    cx.step(&mut container.command(["migrate", "up"])?, wrong)
}

impl<'c> Cluster<'c> {
    /// With a database of the name and at the host that the service asks for.
    fn with(
        cx: &Context<'_>,
        store: &'c Store,
        image: &'c Image,
        service: &Started,
    ) -> Result<Self> {
        let setting = |key: &str| {
            let value = service.settings.get(key);
            value.with_context(|| format!("the overlay prod has no {key}"))
        };
        let host = setting("DATABASE_HOST")?;
        let files = TempDir::with_prefix("strata-check-")?;
        let run = |command: &mut std::process::Command| Ok(cx.execute(command)?.success());
        let authority = Authority::create(files.path(), run)?;
        let issued = authority.issue("database", &[&format!("DNS:{host}")])?;
        Postgres::provide_programs(run)?;
        let database = Secured::start(&issued, &cx.log)?;
        database.create_database(setting("DATABASE_NAME")?, &OWNER, &USER)?;
        let hosts = format!("127.0.0.1 localhost {host}\n");
        fs::write(files.path().join("hosts"), hosts)?;
        Ok(Self {
            store,
            image,
            files,
            authority,
            database,
        })
    }

    /// A container of the overlay, with what is mounted there.
    fn pod(&self, started: &Started, role: &Role) -> Result<Container> {
        let mut pod = Container::of(self.store, self.image)?;
        let secrets = self.files.path().join(role.name);
        lay_out(&secrets, role)?;
        pod.mount(&secrets, "/mnt/secrets")?;
        pod.mount(&self.files.path().join("hosts"), "/etc/hosts")?;
        pod.mount(&self.authority.certificate(), "/mnt/database-ca/ca.crt")?;
        for (key, value) in &started.settings {
            pod.setting(key, value);
        }
        // The one thing that is different on this machine.
        pod.setting("DATABASE_PORT", self.database.port());
        Ok(pod)
    }

    /// Starts a service that speaks TLS, and makes the pod ask it for quotes. Its certificate is good for whoever takes the word of the
    /// image's authorities, to which one was added.
    fn upstream(&self, cx: &Context<'_>, pod: &mut Container) -> Result<Child> {
        let usual = fs::read_to_string(pod.root.join(AUTHORITIES.trim_start_matches('/')))
            .context("the image has no certificates of authorities")?;
        let count = usual.matches("BEGIN CERTIFICATE").count();
        ensure!(count > 50, "the image trusts {count} authorities only");
        let more = fs::read_to_string(self.authority.certificate())?;
        let trusted = self.files.path().join("authorities.pem");
        fs::write(&trusted, usual + more.as_str())?;
        pod.mount(&trusted, AUTHORITIES)?;

        let issued = self.authority.issue("upstream", &["IP:127.0.0.1"])?;
        let port = free_port()?;
        let log = File::options().append(true).open(&cx.log)?;
        let mut server = program("openssl", self.files.path());
        server
            .args(["s_server", "-www", "-quiet", "-accept", &port.to_string()])
            .arg("-cert")
            .arg(&issued.certificate)
            .arg("-key")
            .arg(&issued.key)
            .stdout(log.try_clone()?)
            .stderr(log);
        let server = Child::spawn(&mut server)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < deadline, "openssl does not listen");
            process::pause(Duration::from_millis(50))?;
        }
        pod.setting("UPSTREAM_BASE_URL", format!("https://127.0.0.1:{port}"));
        Ok(server)
    }
}

/// Secrets as the kubelet lays them out: each file is a link by way of `..data`.
fn lay_out(folder: &Path, role: &Role) -> Result<()> {
    let version = "..2026_11_20_00_00_00.1";
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder.join(version))?;
    symlink(version, folder.join("..data"))?;
    for (key, value) in [
        ("DATABASE_USER", role.name),
        ("DATABASE_PASSWORD", role.password),
    ] {
        fs::write(folder.join(version).join(key), value)?;
        symlink(Path::new("..data").join(key), folder.join(key))?;
    }
    Ok(())
}

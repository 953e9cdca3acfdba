//! `rolling/*`: one release replaces another while clients are at work.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{live, long_check};
use crate::context::Context;
use crate::generate::Request;
use crate::http;
use crate::load::{Client, Load};
use crate::process;
use crate::proxy::{Proxy, Slot};
use crate::service::{self, Binary, Service};
use crate::tools;
use crate::tree::Tree;

/// As many as exceed what the limiter allows one client of them (50 requests a second) several times over.
const CLIENTS: usize = 16;

/// How long the load goes on between two steps.
const BETWEEN: Duration = Duration::from_secs(2);

/// The version of release N; the template's own is that of N-1.
const NEXT: &str = "0.2.0";

/// Another client's requests, of which the limiter must refuse some: two replicas allow for 100 each at once.
const FLOOD: usize = 3000;

pub(super) fn checks() -> Vec<Check> {
    vec![long_check(
        "rolling/update",
        15,
        "two releases behind a proxy replace each other under load, on the newer schema, and no request fails",
        update,
    )]
}

fn update(cx: &Context<'_>) -> Outcome {
    let what = "a rolling update from release N-1 to N and back, behind HAProxy, under load";
    let haproxy = tools::haproxy(cx)?;
    let place = place_to_run(cx, Kind::Postgres)?;
    let binary = in_production(place.binary.clone());
    let next = Binary {
        path: next_release(cx)?,
        ..binary.clone()
    };
    let old = Release {
        binary,
        version: "0.1.0",
    };
    let new = Release {
        binary: next,
        version: NEXT,
    };
    let slots = Slot::several::<5>()?;

    old.run(cx, &["migrate", "up"])?;
    let first = old.start(cx, slots[0])?;
    let second = old.start(cx, slots[1])?;
    let proxy = Proxy::start(&haproxy, &slots, &cx.log)?;
    proxy.wait_for(&slots[..2])?;
    let load = Load::begin(proxy.port(), CLIENTS);
    process::pause(BETWEEN)?;

    new.run(cx, &["migrate", "up"])?;
    process::pause(BETWEEN)?;
    old.run(cx, &["migrate", "status", "--wait=10"])?; // an old pod may be moved to another node now
    let third = new.replace(cx, slots[2], first)?;
    process::pause(BETWEEN)?;
    let fourth = new.replace(cx, slots[3], second)?;
    proxy.wait_for(&slots[2..4])?;
    let limited = flood(&proxy)?;
    // The newer release is taken back: the older one begins on the newer schema.
    let fifth = old.replace(cx, slots[4], third)?;
    proxy.wait_for(&slots[3..])?;
    process::pause(BETWEEN)?;

    let tally = load.end()?;
    let mut answered = Vec::new();
    for slot in slots {
        answered.push(proxy.answered(slot)?);
    }
    fourth.stop()?;
    fifth.stop()?;
    cx.note(&format!(
        "{tally}; answered by each replica: {answered:?}; another client was limited after {limited} requests"
    ))?;
    if let Some(first) = tally.failures.first() {
        for failure in &tally.failures {
            cx.note(failure)?;
        }
        return Err(Failure::new(format!("requests fail: {tally}"), what).at(first));
    }
    if answered.contains(&0) {
        let wrong = format!("a replica answered nothing: {answered:?}");
        return Err(Failure::new(wrong, what));
    }
    Ok(())
}

/// The next release: a project whose schema has more in it.
fn next_release(cx: &Context<'_>) -> Result<PathBuf> {
    let name = "next-release-svc";
    let mut tree = cx.generate(&Request::new(name))?;
    let fixture = Tree::read(&cx.repo().root().join("xtask/fixtures/next-release"))?;
    let mut edit = |path: &str, change: &dyn Fn(&str) -> String| {
        let content = tree.0.get_mut(path).with_context(|| path.to_owned())?;
        *content = change(std::str::from_utf8(content)?).into_bytes();
        anyhow::Ok(())
    };
    let migrations = fixture.0.keys();
    let migrations =
        migrations.filter_map(|path| path.strip_prefix("src/migrations/")?.strip_suffix(".rs"));
    let modules = migrations.fold(String::new(), |list, module| list + "mod " + module + ";\n");
    edit("src/migrations/mod.rs", &|list| format!("{list}{modules}"))?;
    edit("Cargo.toml", &|manifest| {
        manifest.replacen("version = \"0.1.0\"", &format!("version = \"{NEXT}\""), 1)
    })?;
    tree.0.extend(fixture.0);
    let folder = cx.shared.cache.checks("projects").join(name);
    tree.write_to(&folder)?;
    cx.build(&folder, &[])
}

/// As in production, with the limiter on; the clients come by way of the proxy.
fn in_production(mut binary: Binary) -> Binary {
    for (key, value) in &mut binary.settings {
        if key == "DATABASE_URL" {
            *value = live::with_password(&value.to_string_lossy()).into();
        }
    }
    binary
        .setting("APP_ENV", "prod")
        .setting("SERVER_HOST", "127.0.0.1")
        .setting("RATE_LIMIT_TRUSTED_PROXIES", "127.0.0.1/32")
        .setting("DATABASE_SSL_MODE", "disable") // the server of the checks has no certificate
}

struct Release {
    binary: Binary,
    version: &'static str,
}

impl Release {
    fn run(&self, cx: &Context<'_>, arguments: &[&str]) -> Outcome {
        let mut command = self.binary.command(arguments.iter().copied());
        cx.step(&mut command, "a command of the service fails")
    }

    /// Starts a replica as a pod does, which waits for the schema first; returns when it is ready.
    fn start(&self, cx: &Context<'_>, slot: Slot) -> Result<Service, Failure> {
        self.run(cx, &["migrate", "status", "--wait=60"])?;
        let management = slot.management.to_string();
        let binary = self
            .binary
            .clone()
            .setting("SERVER_MANAGEMENT_PORT", management);
        let serve = binary.command(["serve"]);
        let service = service::serve(serve, slot.port, slot.management, &cx.log)?;
        let (_, version) = http::get(slot.management, "/version")?;
        if !version.contains(&format!("\"{}\"", self.version)) {
            return Err(Failure::new("another release runs", self.version).at(version));
        }
        Ok(service)
    }

    /// Starts a replica, and as soon as it is ready, tells another to stop: the proxy has to find out by itself.
    fn replace(&self, cx: &Context<'_>, slot: Slot, gone: Service) -> Result<Service, Failure> {
        let replica = self.start(cx, slot)?;
        gone.stop()?;
        Ok(replica)
    }
}

/// One client sends more than it may, while the others go on; returns after how many requests it was refused one.
fn flood(proxy: &Proxy) -> Result<usize, Failure> {
    let mut client = Client::new(proxy.port(), "198.51.100.1".to_owned());
    for number in 1..=FLOOD {
        let (status, answer) = client.ask("GET /api/v1/users?limit=1", "")?;
        match status {
            200 => {}
            429 => return Ok(number),
            _ => {
                return Err(Failure::new(
                    format!("{status} {answer}"),
                    "a client that sends much",
                ));
            }
        }
    }
    let wrong = "a client that sends much is not limited";
    Err(Failure::new(wrong, format!("{FLOOD} requests")))
}

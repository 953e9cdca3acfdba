//! `compose/*`: compose.yaml is what Docker Compose accepts, and its settings start the service.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use regex::Regex;
use serde_json::{Map, Value};

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::checks::place::{Kind, Place, place_to_run};
use crate::context::Context;
use crate::http;
use crate::image::texts;
use crate::service::{self, Binary};
use crate::tools;

/// Where the service sends its telemetry, and a collector outside.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const ON_THIS_MACHINE: &str = "http://host.docker.internal:4318";

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "compose/file",
        10,
        "compose.yaml is accepted by Docker Compose, waits on health only, and its settings start the service",
        file,
    )]
}

fn file(cx: &Context<'_>) -> Outcome {
    let place = place_to_run(cx, Kind::Postgres)?;
    let read = |environment: &[_]| Composition::read(cx, place.folder.path(), environment);
    let profile = ("COMPOSE_PROFILES", "observability");
    let alone = read(&[])?;
    let watched = read(&[profile])?;
    let elsewhere = read(&[profile, (ENDPOINT, ON_THIS_MACHINE)])?;
    for composition in [&alone, &watched] {
        let findings = composition.findings()?;
        if !findings.is_empty() {
            let wrong = "compose.yaml has what it should not have";
            return Err(Failure::new(wrong, "`docker compose config`").at(findings.join("\n")));
        }
    }
    telemetry_goes_where_somebody_listens(&alone, &watched, &elsewhere)?;
    prometheus_reads_it(cx, &watched)?;
    settings_work(cx, &place, &alone)
}

/// What Docker Compose makes of the file, with every default filled in.
struct Composition(Value);

impl Composition {
    fn read(cx: &Context<'_>, project: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let mut config = program(tools::compose(cx)?, project);
        config
            .args(["config", "--format", "json"])
            .env_remove("COMPOSE_PROFILES")
            .envs(environment.iter().copied());
        let (status, read) = cx.output(&mut config)?;
        ensure!(
            status.success(),
            "Docker Compose does not accept compose.yaml"
        );
        Ok(Self(serde_json::from_str(&read)?))
    }

    fn services(&self) -> Result<&Map<String, Value>> {
        self.0["services"]
            .as_object()
            .context("there are no services")
    }

    /// What keeps it from working on another machine, or from working at once.
    fn findings(&self) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        for (name, service) in self.services()? {
            let mut find = |what: &str| findings.push(format!("{name}: {what}"));
            let image = service["image"].as_str();
            let tag = image.and_then(|image| image.rsplit('/').next()?.split_once(':'));
            match (tag, service["build"]["context"].as_str()) {
                (Some((_, "latest")), _) | (None, None) => find("its image has no version"),
                (None, Some(folder)) if !Path::new(folder).join("Dockerfile").is_file() => {
                    find("it is built where there is no Dockerfile");
                }
                _ => {}
            }
            for mount in service["volumes"].as_array().into_iter().flatten() {
                let source = mount["source"].as_str().unwrap_or_default();
                if mount["type"] == "bind" && !Path::new(source).exists() {
                    find(&format!("it mounts {source}, which does not exist"));
                }
            }
            for (other, wait) in service["depends_on"].as_object().into_iter().flatten() {
                let has_check = !self.0["services"][other]["healthcheck"]["test"].is_null();
                match wait["condition"].as_str() {
                    Some("service_completed_successfully") => {}
                    Some("service_healthy") if has_check => {}
                    _ => find(&format!(
                        "it does not wait until {other} is healthy or done"
                    )),
                }
            }
            for port in service["ports"].as_array().into_iter().flatten() {
                if port["host_ip"] != "127.0.0.1" {
                    find(&format!("others reach its port {}", port["target"]));
                }
            }
        }
        Ok(findings)
    }

    /// The environment of a service.
    fn settings(&self, service: &str) -> Result<Vec<(String, String)>> {
        let settings = self.0["services"][service]["environment"].as_object();
        let settings = settings.with_context(|| format!("{service} has no environment"))?;
        let pairs = settings.iter().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            (key.clone(), value.to_owned())
        });
        Ok(pairs.collect())
    }
}

/// Without the profile nothing is sent; with it, to a service that comes along and listens there; and anywhere else if so told.
fn telemetry_goes_where_somebody_listens(
    alone: &Composition,
    watched: &Composition,
    elsewhere: &Composition,
) -> Outcome {
    let endpoint = |composition: &Composition| -> Result<String> {
        let settings = composition.settings("api")?;
        let mut found = settings.into_iter().filter(|(key, _)| key == ENDPOINT);
        Ok(found.next().context("api has no endpoint for telemetry")?.1)
    };
    let publishes = |composition: &Composition, place: &str| {
        let (name, port) = place.split_once(':')?;
        let ports = composition.0["services"][name]["ports"].as_array()?;
        let found = ports.iter().find(|port| port["host_ip"] == "127.0.0.1")?;
        (found["target"].as_u64()? == port.parse::<u64>().ok()?).then_some(())
    };
    let (nowhere, collector) = (endpoint(alone)?, endpoint(watched)?);
    let place = collector.strip_prefix("http://").unwrap_or_default();
    let comes_along = publishes(watched, place).is_some() && publishes(alone, place).is_none();
    let knows_this_machine = texts(&elsewhere.0["services"]["api"]["extra_hosts"])
        .iter()
        .any(|host| host.starts_with("host.docker.internal"));
    let is_told = endpoint(elsewhere)? == ON_THIS_MACHINE && knows_this_machine;
    if nowhere.is_empty() && comes_along && is_told {
        return Ok(());
    }
    let wrong = "telemetry is sent where nobody takes it";
    Err(Failure::new(wrong, format!("{ENDPOINT} in compose.yaml"))
        .at(format!("{nowhere:?}, with the profile {collector:?}")))
}

/// The file that Prometheus is started with, where it is mounted.
fn prometheus_reads_it(cx: &Context<'_>, watched: &Composition) -> Outcome {
    let prometheus = &watched.0["services"]["prometheus"];
    let arguments = texts(&prometheus["command"]);
    let file = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--config.file="))
        .context("Prometheus is not told which file to read")?;
    let mut mounts = prometheus["volumes"].as_array().into_iter().flatten();
    let here = mounts
        .find_map(|mount| {
            let below = file.strip_prefix(mount["target"].as_str()?)?;
            Some(format!("{}{below}", mount["source"].as_str()?))
        })
        .with_context(|| format!("{file} is not mounted"))?;
    let mut promtool = program(tools::promtool(cx)?, cx.repo().root());
    cx.step(
        promtool.args(["check", "config", &here]),
        "Prometheus does not accept its configuration",
    )
}

/// The job and the service do with their settings what they are to do, with the server of the checks in the place of theirs.
fn settings_work(cx: &Context<'_>, place: &Place, composition: &Composition) -> Outcome {
    let settings = &place.binary.settings;
    let database = settings.iter().find(|(key, _)| key == "DATABASE_URL");
    let (_, database) = database.context("the service has no database")?;
    let database = database.to_string_lossy();
    let with_settings_of = |service: &str| -> Result<Binary> {
        let mut binary = Binary {
            settings: Vec::new(),
            ..place.binary.clone()
        };
        for (key, value) in composition.settings(service)? {
            binary = binary.setting(&key, value);
        }
        for (key, value) in parts(&database)? {
            binary = binary.setting(key, value);
        }
        Ok(binary)
    };
    let job = with_settings_of("migrate")?;
    let arguments = texts(&composition.0["services"]["migrate"]["command"]);
    cx.step(
        &mut job.command(arguments.iter().map(String::as_str)),
        "the migration job fails",
    )?;
    let management = http::free_port()?;
    let api = with_settings_of("api")?.setting("SERVER_MANAGEMENT_PORT", management.to_string());
    let begin = fs::read_to_string(&cx.log)?.len();
    cx.step(
        &mut api.command(["config", "check"]),
        "its settings are refused",
    )?;
    let log = fs::read_to_string(&cx.log)?;
    if let Some(warning) = log[begin..].lines().find(|line| line.contains("warning")) {
        let wrong = "the service finds its settings odd";
        return Err(Failure::new(wrong, "`environment` in compose.yaml").at(warning));
    }
    it_may_end(cx, &api, &composition.0["services"]["api"])?;
    let service = service::serve(api.command([]), http::free_port()?, management, &cx.log)?;
    cx.step(
        &mut api.command(["healthcheck"]),
        "the health check fails while the service is ready",
    )?;
    service.stop()?;
    Ok(())
}

/// It gets the time that it takes to stop, and what it may take afterwards.
fn it_may_end(cx: &Context<'_>, api: &Binary, service: &Value) -> Outcome {
    let (_, explained) = cx.output(&mut api.command(["config", "explain"]))?;
    let seconds = |key: &str| -> Result<u64> {
        let line = explained.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        value.with_context(|| format!("`config explain` gives no {key}"))
    };
    let needed = seconds("SERVER_SHUTDOWN_DRAIN_SECS ")?
        + seconds("SERVER_SHUTDOWN_TIMEOUT_SECS ")?
        + afterwards(cx)?;
    let granted = service["stop_grace_period"].as_str().unwrap_or_default();
    let granted: u64 = granted.trim_end_matches('s').parse().unwrap_or_default();
    if granted >= needed {
        return Ok(());
    }
    let wrong = "the service is killed before it has ended its requests";
    Err(Failure::new(wrong, format!("it may take {needed} s"))
        .at(format!("stop_grace_period: {granted}s")))
}

/// The seconds of `AFTERWARDS`: its two parts, as the source has them, since no command prints them.
fn afterwards(cx: &Context<'_>) -> Result<u64> {
    let source = cx.repo().template().join("src");
    let parts = [
        ("commands/bootstrap.rs", "LEFTOVERS"),
        ("core/telemetry/mod.rs", "FLUSH"),
    ];
    let seconds = parts.map(|(file, name)| {
        let shape = format!(r"const {name}: Duration = Duration::from_secs\((\d+)\);");
        let text = fs::read_to_string(source.join(file))?;
        let found = Regex::new(&shape)?.captures(&text);
        let found = found.with_context(|| format!("{file} has no {name} in seconds"))?;
        Ok(found[1].parse::<u64>()?)
    });
    seconds.into_iter().sum()
}

/// A database's address in parts, by the keys of the service.
fn parts(url: &str) -> Result<Vec<(&'static str, String)>> {
    let shape = Regex::new(r"^\w+://([^:@/]+)(?::([^@/]+))?@([^:/]+)(?::(\d+))?/([^?]+)")?;
    let found = shape
        .captures(url)
        .context("the server has an address of another shape")?;
    let part = |group: usize| found.get(group).map(|part| part.as_str().to_owned());
    let parts = [
        ("DATABASE_USER", part(1)),
        ("DATABASE_PASSWORD", part(2)),
        ("DATABASE_HOST", part(3)),
        ("DATABASE_PORT", part(4)),
        ("DATABASE_NAME", part(5)),
    ];
    let given = parts
        .into_iter()
        .filter_map(|(key, part)| Some((key, part?)));
    Ok(given.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let found = parts("postgres://me:secret@db.example:5433/mine?sslmode=require").unwrap();
        let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["me", "secret", "db.example", "5433", "mine"]);
        assert_eq!(parts("postgres://me@db/mine").unwrap().len(), 3);
    }
}

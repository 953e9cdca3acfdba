//! `docs/before-you-go-live`: what an owner checks before the service goes live can be checked.

use anyhow::{Context as _, Result};
use regex::Regex;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::checks::place::{Kind, place_to_run};
use crate::context::Context;
use crate::http;
use crate::service;

pub(super) const PAGE: &str = "docs/before-you-go-live.md";

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "docs/before-you-go-live",
        10,
        "the commands of that page work on a service that runs as in production, and say what the page says",
        commands_work,
    )]
}

/// The page's commands, which have the service in `$APP`, or its address in `$URL`.
fn commands(page: &str) -> Result<Vec<String>> {
    let command = Regex::new(r"`(\$APP [^`]+|curl [^`]*\$URL[^`]*)`")?;
    let found = command.captures_iter(page);
    // In a table a bar has to be escaped.
    Ok(found.map(|found| found[1].replace("\\|", "|")).collect())
}

fn commands_work(cx: &Context<'_>) -> Outcome {
    let place = place_to_run(cx, Kind::Postgres)?;
    let mut binary = place.binary.clone();
    for (key, value) in &mut binary.settings {
        if key == "DATABASE_URL" {
            *value = with_password(&value.to_string_lossy()).into();
        }
    }
    let management = http::free_port()?;
    let binary = binary
        .setting("APP_ENV", "prod")
        .setting("RATE_LIMIT_TRUSTED_PROXIES", "none")
        .setting("DATABASE_SSL_MODE", "disable") // the server of the checks has no certificate
        .setting("SERVER_MANAGEMENT_PORT", management.to_string());
    cx.step(
        &mut binary.command(["migrate", "up"]),
        "the database cannot be migrated",
    )?;
    let port = http::free_port()?;
    let service = service::serve(binary.command(["serve"]), port, management, &cx.log)?;

    let page = std::fs::read_to_string(cx.repo().root().join(PAGE))?;
    let commands = commands(&page)?;
    if commands.len() < 5 {
        return Err(Failure::new("the page's commands are not found", PAGE));
    }
    for command in commands {
        let mut bash = program("bash", place.folder.path());
        bash.args(["-o", "pipefail", "-c", &command])
            .envs(binary.settings.iter().cloned())
            .env("APP", &binary.path)
            .env("URL", service.url());
        let (status, said) = cx.output(&mut bash)?;
        cx.note(&said)?;
        let said = said.to_lowercase();
        let is_as_said = if command.contains("strict-transport") {
            said.is_empty() // that of the ingress, which is not here
        } else if command.contains("/metrics") {
            said.contains("404 not found")
        } else if command.contains("Origin:") {
            !said.contains("access-control-allow-origin")
        } else {
            status.success()
        };
        if !is_as_said {
            let wrong = "a command does something else than the page says";
            return Err(Failure::new(wrong, PAGE).at(command));
        }
    }
    service.stop()?;
    Ok(())
}

/// In production a database without a password is refused; the server of the checks takes any.
pub(super) fn with_password(url: &str) -> String {
    let password = || {
        let (scheme, rest) = url.split_once("://").context("no scheme")?;
        let (user, place) = rest.split_once('@').context("no user")?;
        anyhow::ensure!(!user.contains(':'), "it has one");
        anyhow::Ok(format!("{scheme}://{user}:8Zb2kQw91Lr7mT@{place}"))
    };
    password().unwrap_or_else(|_| url.to_owned())
}

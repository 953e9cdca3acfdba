//! Real faults of real services, and the alerts that they must fire. Each job is a service with a fault of its own, watched by one
//! Prometheus.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use regex::Regex;

use super::load::Load;
use super::panels;
use super::prometheus::Prometheus;
use super::services::Services;
use super::stage::{NOW_AND_THEN, ORDINARY, Stage};
use super::watch::Watch;
use crate::check::{Failure, Outcome};
use crate::context::Context;
use crate::postgres::Postgres;
use crate::process::{self, Child};
use crate::service::Service;

const WHAT: &str =
    "services with faults, and what a Prometheus with thirty times less patience says about them";

/// The alerts that must fire, by job. Others may: a fault has more than one consequence.
const EXPECTED: [(&str, &[&str]); 7] = [
    (
        "without-database",
        &[
            "AvailabilityBudgetBurns 1h",
            "AvailabilityBudgetBurns 6h",
            "AvailabilityBudgetBurns 1d",
            "AvailabilityBudgetBurns 3d",
            "NoInstanceReady",
            "InstanceNotReady",
            "ErrorsLogged",
            "StreamsBreakOff",
        ],
    ),
    (
        "with-locked-table",
        &[
            "LatencyBudgetBurns 1h",
            "LatencyBudgetBurns 6h",
            "LatencyBudgetBurns 1d",
            "LatencyBudgetBurns 3d",
            "DatabasePoolFull",
            "DatabasePoolWaits",
            "DatabasePoolTimeouts",
            "StatementsSlow",
            "RequestsShed",
            "InFlightNearLimit",
        ],
    ),
    ("flooded", &["RequestsLimited"]),
    ("crowded", &["ConnectionsNearLimit"]),
    ("without-others", &["BreakerOpen", "TelemetryLost"]),
    ("restarting", &["Restarts", "InstanceNotReady"]),
    ("busy", &["ProcessorsBusy", "TasksWait"]),
];

/// How long an alert may take after its fault: half an hour for Prometheus in earnest is a minute here.
const PATIENCE: Duration = Duration::from_mins(3);

/// Lets go of the table for a moment every now and then, so that some requests come through, slowly.
const LOCK: &str = "DO $$ BEGIN FOR times IN 1..1000 LOOP \
    LOCK TABLE users IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(0.8); COMMIT; \
    END LOOP; END $$";

/// What is not scraped has not been.
const UNTIL_SEEN: Duration = Duration::from_secs(4);

pub(super) fn alerts_fire(cx: &Context<'_>) -> Outcome {
    every_alert_is_expected(cx)?;
    let services = Services::new(cx)?;
    let postgres = Postgres::private(&cx.log, |command| Ok(cx.execute(command)?.success()))?;
    let database = cx.database()?;
    let stage = Stage::set(&services, postgres.url(), database.url())?;
    let restarting = services.start("restarting", &[])?;
    let stopping = services.start("stopping", &[])?;
    let mut jobs = stage.jobs();
    jobs.push(("restarting", vec![restarting.port(), stopping.port()]));
    let prometheus = Prometheus::start(cx, &jobs)?;
    let mut watch = Watch::new(cx, &prometheus);

    let ports = jobs.iter().flat_map(|(_, ports)| ports);
    let _ordinary: Vec<_> = ports
        .map(|port| Load::begin(*port, 1, NOW_AND_THEN, ORDINARY))
        .collect();
    watch.calm()?;
    let early = watch.seen(None);
    if !early.is_empty() {
        let wrong = "alerts fire though nothing is wrong yet";
        return Err(Failure::new(wrong, WHAT).at(early.join("\n")));
    }

    let loads = stage.loads()?;
    let _held = stage.hold_connections()?;
    let output = File::options().append(true).open(&cx.log)?;
    let mut lock = database.client(LOCK);
    lock.stdout(output.try_clone()?).stderr(output);
    // On SIGINT the client cancels what the server is doing for it.
    let locker = Child::spawn(&mut lock)?.stopped_by(Signal::SIGINT, Duration::from_secs(5));
    process::pause(UNTIL_SEEN)?; // for the streams to be under way
    drop(postgres);
    stopping.stop()?;
    let _restarted = restart(&services, restarting)?;

    let (busy, others) = EXPECTED.split_last().context("nothing is expected")?;
    let mut wrong = Vec::new();
    for (job, alerts) in others {
        wrong.extend(watch.wait_for(job, alerts, PATIENCE)?);
    }
    drop(loads);
    drop(locker);
    // Alone: who is to be busy needs a processor. On a machine with other work that takes a while.
    let flood = stage.flood();
    wrong.extend(watch.wait_for(busy.0, busy.1, 3 * PATIENCE)?);
    drop(flood);

    for alert in watch.seen(Some("healthy")) {
        wrong.push(format!("{alert}, where there is no fault"));
    }
    let dashboard = cx
        .repo()
        .template()
        .join("observability/grafana/dashboards/service.json");
    for query in panels::empty(&std::fs::read_to_string(dashboard)?, &prometheus)? {
        wrong.push(format!("the dashboard shows nothing: {query}"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let headline = "alerts or panels don't show what is wrong";
    Err(Failure::new(headline, WHAT).at(wrong.join("\n")))
}

/// In its place, twice.
fn restart(services: &Services<'_>, mut service: Service) -> Result<Service> {
    for _ in 0..2 {
        service.stop()?;
        service = services.start("restarting", &[])?;
        process::pause(UNTIL_SEEN)?;
    }
    Ok(service)
}

/// Whoever adds an alert adds its fault.
fn every_alert_is_expected(cx: &Context<'_>) -> Outcome {
    let rules = cx
        .repo()
        .template()
        .join("observability/prometheus/rules.yaml");
    let rules = std::fs::read_to_string(rules)?;
    let alert = Regex::new(r"- alert: (\w+)[\s\S]*?labels: \{severity: \w+(?:, window: (\w+))?\}")?;
    for found in alert.captures_iter(&rules) {
        let name = match found.get(2) {
            Some(window) => format!("{} {}", &found[1], window.as_str()),
            None => found[1].to_owned(),
        };
        let mut all = EXPECTED.iter().flat_map(|(_, alerts)| alerts.iter());
        if !all.any(|alert| *alert == name) {
            let wrong = "an alert has no fault that fires it";
            return Err(Failure::new(wrong, "the rules").at(name));
        }
    }
    Ok(())
}

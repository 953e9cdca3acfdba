//! For operators and probes: outside `local` on a port of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::server::Lifecycle;
use super::{AppError, Json, Problem, Result, Routes, register_routes, routes};
use crate::core::health::{Health, HealthReport};
use crate::core::state::AppState;
use crate::core::telemetry::{build, milliseconds};

register_routes! { management at "/" tagged "management": Routes::new().add(routes!(livez, readyz, health, version)) }

/// When to look again: probes come on their own anyway.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Is the process alive?
///
/// Answers as long as requests are served at all: a restart would not help against anything else.
#[utoipa::path(get, path = "/livez", responses((status = OK, body = ProbeOut)))]
async fn livez() -> Json<ProbeOut> {
    Json(ProbeOut { ok: true })
}

/// Should the service get requests?
///
/// Not while a check fails that it can't work without, such as the database's (`/health` says more), and not any more when it is about
/// to stop.
#[utoipa::path(get, path = "/readyz", responses((status = OK, body = ProbeOut)))]
async fn readyz(app: AppState) -> Result<Json<ProbeOut>> {
    match why_not_ready(&app).await {
        None => Ok(Json(ProbeOut { ok: true })),
        Some(NotReady::Draining) => Err(not_ready("draining").expected()),
        Some(NotReady::Failing(checks)) => Err(not_ready(&checks.join(", "))),
    }
}

fn not_ready(why: &str) -> AppError {
    AppError::unavailable(format!("Not ready: {why}."), RETRY_AFTER)
}

/// What keeps the service from being ready.
pub(super) enum NotReady {
    /// It is about to stop.
    Draining,
    /// Checks fail that it can't work without.
    Failing(Vec<&'static str>),
}

/// What keeps the service from being ready now, if anything does.
pub(super) async fn why_not_ready(app: &AppState) -> Option<NotReady> {
    if app.component::<Lifecycle>().is_ending() {
        return Some(NotReady::Draining);
    }
    let report = app.component::<Health>().readiness(app).await;
    let failing: Vec<_> = report.failing().collect();
    (!failing.is_empty()).then_some(NotReady::Failing(failing))
}

/// How is everything the service depends on?
///
/// One entry for each check. If one fails, the status is 503, and the body has the same form. Checks run at most once a second.
#[utoipa::path(get, path = "/health", responses(
    (status = OK, body = HealthOut),
    (status = SERVICE_UNAVAILABLE, description = "A check fails.", content((HealthOut = "application/json"), (Problem = "application/problem+json"))),
))]
async fn health(app: AppState) -> (StatusCode, Json<HealthOut>) {
    let report = app.component::<Health>().report(&app).await;
    let reveal_causes = app.config.env().reveals_causes();
    let out = HealthOut::new(&report, reveal_causes);
    let status = match out.status {
        HealthStatus::Healthy => StatusCode::OK,
        HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(out))
}

/// Which version is this, and built from which revision?
#[utoipa::path(get, path = "/version", responses((status = OK, body = VersionOut)))]
async fn version() -> Json<VersionOut> {
    Json(VersionOut {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: build::VERSION.to_owned(),
        revision: build::REVISION.to_owned(),
    })
}

/// A probe's answer when all is well; otherwise it is a problem.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ProbeOut {
    /// Always true.
    ok: bool,
}

/// Whether something can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// It can.
    Healthy,
    /// It can't.
    Unhealthy,
}

impl HealthStatus {
    fn of(healthy: bool) -> Self {
        if healthy {
            Self::Healthy
        } else {
            Self::Unhealthy
        }
    }
}

/// What the checks say.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct HealthOut {
    /// `healthy` if every check is.
    status: HealthStatus,
    /// One entry for each check, by name.
    checks: BTreeMap<String, CheckOut>,
}

/// What one check says.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CheckOut {
    /// Whether it passed.
    status: HealthStatus,
    /// Whether the service gets no requests while it fails.
    gates_readiness: bool,
    /// How long it took, in milliseconds.
    #[schema(example = 0.8)]
    duration_ms: f64,
    /// Why it failed; outside `local` and `dev` only the log says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "no answer in 700 ms")]
    failure: Option<String>,
}

/// Which version is running.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct VersionOut {
    /// The service's name.
    name: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: String,
    /// The revision of its sources, or `unknown`: what `APP_REVISION` was when it was compiled.
    #[schema(example = "4c8b207")]
    revision: String,
}

impl HealthOut {
    fn new(report: &HealthReport, reveal_causes: bool) -> Self {
        let checks = report.checks.iter().map(|(name, check)| {
            let out = CheckOut {
                status: HealthStatus::of(check.failure.is_none()),
                gates_readiness: check.gates_readiness,
                duration_ms: milliseconds(check.duration),
                failure: check.failure.clone().filter(|_| reveal_causes),
            };
            ((*name).to_owned(), out)
        });
        Self {
            status: HealthStatus::of(report.failing().next().is_none()),
            checks: checks.collect(),
        }
    }
}

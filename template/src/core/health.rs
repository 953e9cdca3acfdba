//! Registered checks that say whether the service can do its work: its database answers, and whatever else a file adds.
//!
//! `/readyz` asks those that gate readiness, `/health` all of them. Answers are kept for a second, so that probes and curious
//! clients can't load what is being checked.

use std::collections::BTreeMap;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use sea_orm::DbErr;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::core::registry::{self, Entry, Origin, RegistryError};
use crate::core::state::{AppState, Shared};

/// How long an answer is good: shorter than any probe's period.
const KEPT: Duration = Duration::from_secs(1);

/// How long one check may take: clearly less than the second after which the kubelet hangs up, or it would never learn why.
const CHECK_TIMEOUT: Duration = Duration::from_millis(700);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One registered check; made by [`register_health_check!`](crate::register_health_check).
pub struct HealthCheck {
    /// Its name in reports, such as `database`.
    pub name: &'static str,
    /// Whether the service should get no requests while it fails.
    pub gates_readiness: bool,
    #[doc(hidden)]
    pub check: fn(AppState) -> BoxFuture<'static, Result<(), BoxError>>,
    #[doc(hidden)]
    pub origin: Origin,
}

inventory::collect!(HealthCheck);

impl Entry for HealthCheck {
    const KIND: &'static str = "health check";

    fn key(&self) -> String {
        self.name.to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Registers a health check: its name, an async function from [`AppState`](crate::core::state::AppState) to `Result<(), impl Error>`,
/// and whether the service is unready while it fails.
///
/// A dependency that a part of the service can do without must not gate readiness: all replicas would leave at once.
///
/// ```
/// use app::core::state::AppState;
///
/// async fn disk(_: AppState) -> Result<(), std::io::Error> {
///     Ok(())
/// }
///
/// app::register_health_check!("disk", disk, gates_readiness: false);
/// ```
#[macro_export]
macro_rules! register_health_check {
    ($name:literal, $check:expr, gates_readiness: $gates:literal $(,)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::health::HealthCheck {
                name: $name,
                gates_readiness: $gates,
                check: |app| ::std::boxed::Box::pin(async move { Ok($check(app).await?) }),
                origin: $crate::origin!(),
            }
        }
    };
}

register_health_check!("database", database, gates_readiness: true);

async fn database(app: AppState) -> Result<(), DbErr> {
    app.database.ping().await
}

/// What the checks said.
#[derive(Debug)]
pub struct HealthReport {
    /// One entry for each check, by name.
    pub checks: BTreeMap<&'static str, CheckResult>,
    taken: Instant,
}

/// What one check said.
#[derive(Debug)]
pub struct CheckResult {
    /// Whether the service should get no requests while it fails.
    pub gates_readiness: bool,
    /// How long the check took.
    pub duration: Duration,
    /// Why it failed; `None` if it passed.
    pub failure: Option<String>,
}

impl HealthReport {
    /// The names of the failing checks.
    pub fn failing(&self) -> impl Iterator<Item = &'static str> {
        let failed = self
            .checks
            .iter()
            .filter(|(_, check)| check.failure.is_some());
        failed.map(|(name, _)| *name)
    }

    /// The names of the failing checks that gate readiness.
    pub fn unready(&self) -> impl Iterator<Item = &'static str> {
        self.failing()
            .filter(|name| self.checks[name].gates_readiness)
    }
}

/// Runs the registered checks and keeps their answers for a moment: a component of [`AppState`].
pub struct Health(Arc<Checks>);

struct Checks {
    checks: Vec<&'static HealthCheck>,
    kept: Mutex<Option<Arc<HealthReport>>>,
}

crate::register_component!(Health: Health::new);

impl Health {
    fn new(_: &Shared) -> Result<Self, RegistryError> {
        Ok(Self(Arc::new(Checks {
            checks: registry::entries()?,
            kept: Mutex::new(None),
        })))
    }

    /// What the checks say, or said less than a second ago. Concurrent callers wait for one run, which comes to its end, its
    /// answers kept and its failures logged, even if they all hang up.
    pub async fn report(&self, app: &AppState) -> Arc<HealthReport> {
        let (checks, app) = (Arc::clone(&self.0), app.clone());
        let asked = tokio::spawn(async move { checks.report(&app).await }.in_current_span());
        match asked.await {
            Ok(report) => report,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // the runtime is being shut down, and we with it
                Err(_) => pending().await,
            },
        }
    }
}

impl Checks {
    async fn report(&self, app: &AppState) -> Arc<HealthReport> {
        let mut kept = self.kept.lock().await;
        if let Some(report) = kept.as_ref().filter(|report| report.taken.elapsed() < KEPT) {
            return report.clone();
        }
        let results = join_all(self.checks.iter().map(|check| run(check, app))).await;
        let names = self.checks.iter().map(|check| check.name);
        let report = Arc::new(HealthReport {
            checks: names.zip(results).collect(),
            taken: Instant::now(),
        });
        *kept = Some(report.clone());
        report
    }
}

async fn run(check: &HealthCheck, app: &AppState) -> CheckResult {
    let start = Instant::now();
    let failure = match timeout(CHECK_TIMEOUT, (check.check)(app.clone())).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer in {} ms", CHECK_TIMEOUT.as_millis())),
    };
    if let Some(failure) = &failure {
        tracing::warn!(check = check.name, %failure, "health check failed");
    }
    CheckResult {
        gates_readiness: check.gates_readiness,
        duration: start.elapsed(),
        failure,
    }
}

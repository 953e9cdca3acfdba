//! Registered checks that say whether the service can do its work: its database answers, and whatever else a file adds.
//!
//! `/readyz` asks those that gate readiness, `/health` all of them. Answers are kept for a second, so that probes and curious
//! clients can't load what is being checked.

use std::collections::BTreeMap;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join, join_all};
use sea_orm::DbErr;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::core::registry::{self, Entry, Origin, RegistryError};
use crate::core::state::{AppState, Shared};
use crate::core::telemetry::carry_on;

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
    /// One entry for each check that was asked, by name.
    pub checks: BTreeMap<&'static str, CheckResult>,
}

/// What one check said.
#[derive(Clone, Debug)]
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
}

/// Runs the registered checks and keeps their answers for a moment: a component of [`AppState`].
pub struct Health {
    gating: Arc<Checks>,
    others: Arc<Checks>,
}

/// Checks that run together.
struct Checks {
    checks: Vec<&'static HealthCheck>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    results: Arc<Results>,
    taken: Instant,
}

type Results = Vec<(&'static str, CheckResult)>;

crate::register_component!(Health: Health::new);

impl Health {
    fn new(_: &Shared) -> Result<Self, RegistryError> {
        let checks: Vec<&HealthCheck> = registry::entries()?;
        let (gating, others) = checks.into_iter().partition(|check| check.gates_readiness);
        Ok(Self {
            gating: Arc::new(Checks::new(gating)),
            others: Arc::new(Checks::new(others)),
        })
    }

    /// What the checks say that gate readiness, or said less than a second ago. Concurrent callers wait for one run, which comes to
    /// its end, its answers kept and its failures logged, even if they all hang up.
    pub async fn readiness(&self, app: &AppState) -> HealthReport {
        let gating = self.gating.results(app).await;
        HealthReport {
            checks: gating.iter().cloned().collect(),
        }
    }

    /// What all checks say, in the same way.
    pub async fn report(&self, app: &AppState) -> HealthReport {
        let (gating, others) = join(self.gating.results(app), self.others.results(app)).await;
        HealthReport {
            checks: gating.iter().chain(&*others).cloned().collect(),
        }
    }
}

impl Checks {
    fn new(checks: Vec<&'static HealthCheck>) -> Self {
        Self {
            checks,
            kept: Mutex::new(None),
        }
    }

    async fn results(self: &Arc<Self>, app: &AppState) -> Arc<Results> {
        let (checks, app) = (Arc::clone(self), app.clone());
        let asked = tokio::spawn(carry_on(async move { checks.ask(&app).await }));
        match asked.await {
            Ok(results) => results,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // the runtime is being shut down, and we with it
                Err(_) => pending().await,
            },
        }
    }

    async fn ask(&self, app: &AppState) -> Arc<Results> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.taken.elapsed() < KEPT) {
            return Arc::clone(&kept.results);
        }
        let answers = join_all(self.checks.iter().map(|check| run(check, app))).await;
        let names = self.checks.iter().map(|check| check.name);
        let results = Arc::new(names.zip(answers).collect());
        *kept = Some(Kept {
            results: Arc::clone(&results),
            taken: Instant::now(),
        });
        results
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

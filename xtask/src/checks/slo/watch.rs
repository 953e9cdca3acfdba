//! Which alerts have been seen firing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::prometheus::Prometheus;
use crate::context::Context;
use crate::process;

/// `AvailabilityBudgetBurns 1h`, and the job that it is about.
type Seen = (String, String);

/// How long the services run undisturbed.
const CALM: Duration = Duration::from_secs(20);

const GLANCE: Duration = Duration::from_millis(250);

/// Watches the alerts, and writes into the check's log when one fires for the first time.
pub(super) struct Watch<'p> {
    cx: &'p Context<'p>,
    prometheus: &'p Prometheus,
    begun: Instant,
    seen: BTreeSet<Seen>,
}

impl<'p> Watch<'p> {
    pub(super) fn new(cx: &'p Context<'p>, prometheus: &'p Prometheus) -> Self {
        Self {
            cx,
            prometheus,
            begun: Instant::now(),
            seen: BTreeSet::new(),
        }
    }

    /// Watches for a while in which nothing is wrong yet.
    pub(super) fn calm(&mut self) -> Result<()> {
        for _ in 0..CALM.as_millis() / GLANCE.as_millis() {
            self.look()?;
            process::pause(GLANCE)?;
        }
        Ok(())
    }

    /// Waits until all of these have been seen firing for the job; what is wrong, if that takes longer than it may.
    pub(super) fn wait_for(
        &mut self,
        job: &str,
        alerts: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>> {
        let end = Instant::now() + limit;
        loop {
            self.look()?;
            let seen = |alert: &str| self.seen.contains(&(alert.to_owned(), job.to_owned()));
            let silent = alerts.iter().filter(|alert| !seen(alert));
            let wrong: Vec<_> = silent
                .map(|alert| format!("{alert} doesn't fire for {job}"))
                .collect();
            if wrong.is_empty() || Instant::now() > end {
                return Ok(wrong);
            }
            process::pause(GLANCE)?;
        }
    }

    /// What was seen, as `alert for job`; of one job only, or of all.
    pub(super) fn seen(&self, of: Option<&str>) -> Vec<String> {
        let seen = self.seen.iter();
        seen.filter(|(_, job)| of.is_none_or(|of| job == of))
            .map(|(alert, job)| format!("{alert} for {job}"))
            .collect()
    }

    fn look(&mut self) -> Result<()> {
        for labels in self.prometheus.firing()? {
            let text = |key: &str| labels[key].as_str().map(str::to_owned);
            let name = text("alertname").unwrap_or_default();
            let alert = match labels.get("window").and_then(Value::as_str) {
                Some(window) => format!("{name} {window}"),
                None => name,
            };
            let job = text("job").unwrap_or_default();
            if self.seen.insert((alert.clone(), job.clone())) {
                let after = self.begun.elapsed().as_secs();
                self.cx
                    .note(&format!("{after} s: {alert} fires for {job}"))?;
            }
        }
        Ok(())
    }
}

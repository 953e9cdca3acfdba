//! What the service says about itself while it is under load: the pool, and what was counted.

use std::{future::Future, time::Duration};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    connection::{Address, Connection},
    number::millis,
};

/// Where the lab says how things are; also how one sees that there is a lab.
pub(super) const STATUS: &str = "/lab/status";

/// The pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Since the load began.
    pub(super) at_ms: f64,
    pub(super) pool: Pool,
}

/// What `/lab/status` says about the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Pool {
    pub(super) max_size: u32,
    pub(super) in_use: u32,
    pub(super) waiting: u32,
}

/// The part of `/lab/status` that is of interest here.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) pool: Pool,
}

impl Status {
    /// Asks for it.
    pub(super) async fn ask(connection: &mut Connection) -> anyhow::Result<Self> {
        let (status, text) = connection.get(STATUS).await?;
        if status != 200 {
            bail!("{STATUS} answers {status}");
        }
        serde_json::from_str(&text).with_context(|| format!("{STATUS} answers something else"))
    }
}

/// Looks at the pool again and again until the work is done, which does not wait for that: a service that is too busy to say how it is
/// leaves a gap.
pub(super) async fn watch<T>(
    address: &Address,
    every: Duration,
    work: impl Future<Output = T>,
) -> (T, Vec<Sample>) {
    let mut connection = Connection::to(address.clone());
    let mut samples = Vec::new();
    let begun = Instant::now();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let look = async {
        loop {
            ticks.tick().await;
            if let Ok(Status { pool }) = Status::ask(&mut connection).await {
                let at_ms = millis(begun.elapsed());
                samples.push(Sample { at_ms, pool });
            }
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = look => never,
    };
    (done, samples)
}

/// The metrics that are read: how long connections were in use, how long statements took, and callers of coalescers.
const USE_TIME: &str = "db_client_connection_use_time_seconds";
const OPERATION_DURATION: &str = "db_client_operation_duration_seconds";
const COALESCING: &str = "coalescing_requests_total";

/// What the service has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Connections that were taken from the pool and given back.
    pub(super) checkouts: u64,
    /// Statements that were carried out.
    pub(super) statements: u64,
    /// Callers that got what another's load came to, so that they needed none of their own.
    pub(super) coalesced: u64,
}

impl Counters {
    /// Reads them from `/metrics`.
    pub(super) async fn ask(connection: &mut Connection) -> anyhow::Result<Self> {
        let (status, text) = connection.get("/metrics").await?;
        if status != 200 {
            bail!("/metrics answers {status}");
        }
        Ok(Self::read(&text))
    }

    /// What was counted since.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            checkouts: self.checkouts.saturating_sub(before.checkouts),
            statements: self.statements.saturating_sub(before.statements),
            coalesced: self.coalesced.saturating_sub(before.coalesced),
        }
    }

    fn read(metrics: &str) -> Self {
        let observations = |histogram| sum(metrics, &format!("{histogram}_count"), "");
        Self {
            checkouts: observations(USE_TIME),
            statements: observations(OPERATION_DURATION),
            coalesced: sum(metrics, COALESCING, "outcome=\"hit\""),
        }
    }
}

/// The sum of a metric's series that have this label, in Prometheus' text format. What isn't there has not happened yet.
fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        let is_one = labels.is_empty() || labels.starts_with('{');
        (is_one && labels.contains(label)).then_some(value)
    });
    values.filter_map(|value| value.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{net::TcpListener, time::sleep};

    use super::*;
    use crate::core::{
        registry,
        telemetry::metrics::{Kind, Metric},
    };

    #[tokio::test]
    async fn work_does_not_wait_for_a_service_that_does_not_say_how_it_is() {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = Address::of(silent.local_addr().unwrap());
        let begun = Instant::now();
        let work = async {
            sleep(Duration::from_millis(100)).await;
            begun.elapsed()
        };
        let (took, samples) = watch(&address, Duration::from_millis(1), work).await;
        // it is asked for ten seconds
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(samples, []);
    }

    #[test]
    fn the_metrics_that_are_read_exist() {
        let metrics = registry::entries::<Metric>().unwrap();
        let metrics: Vec<_> = metrics.iter().map(|one| (one.kind, one.name)).collect();
        for read in [
            (Kind::Histogram, USE_TIME),
            (Kind::Histogram, OPERATION_DURATION),
            (Kind::Counter, COALESCING),
        ] {
            assert!(metrics.contains(&read), "{read:?}");
        }
    }

    #[test]
    fn counters_are_read_from_the_metrics() {
        let metrics = "\
            # HELP coalescing_requests_total Callers of coalescers.\n\
            # TYPE coalescing_requests_total counter\n\
            coalescing_requests_total{coalescer=\"a\",outcome=\"hit\"} 7\n\
            coalescing_requests_total{coalescer=\"a\",outcome=\"miss\"} 100\n\
            coalescing_requests_total{coalescer=\"b\",outcome=\"hit\"} 3\n\
            db_client_connection_use_time_seconds_sum 1.5\n\
            db_client_connection_use_time_seconds_count 41\n\
            db_client_operation_duration_seconds_count{db_operation_name=\"SELECT\"} 50\n\
            db_client_operation_duration_seconds_count{db_operation_name=\"BEGIN\"} 2\n";
        let counters = Counters::read(metrics);
        let expected = Counters {
            checkouts: 41,
            statements: 52,
            coalesced: 10,
        };
        assert_eq!(counters, expected);
        assert_eq!(counters.since(counters), Counters::default());
        assert_eq!(Counters::read(""), Counters::default());
    }
}

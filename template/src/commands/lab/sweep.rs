//! A sweep: each pattern at each concurrency, one after the other.

use std::{collections::BTreeMap, num::NonZeroU64, thread::available_parallelism, time::Duration};

use anyhow::{Context, bail, ensure};
use chrono::{SecondsFormat, Utc};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{
    connection::Connection,
    load::{Load, Outcome, Pace},
    number::{float, length, millis, short},
    page,
    patterns::{Endpoint, EndpointArgs},
    progress::{Progress, clock},
    run::{About, Row, Run, SWEEP},
    stop::Stop,
    target::{Target, TargetArgs},
    warmup::warm,
    watch::{Counters, Sample, Status, watch},
    words::{duration, rate},
};
use crate::commands::output::print_line;

/// How often the pool is looked at in a measurement; but not more often than [`SOONEST`].
const SAMPLES: u32 = 100;
const SOONEST: Duration = Duration::from_millis(20);

/// How long it is waited for that nobody uses the pool. Others may use the service as well.
const UNTIL_IDLE: Duration = Duration::from_secs(30);

/// Files that are open besides the load's connections: standard streams, the runtime's own, two connections that ask how the service
/// is, the run's.
const OTHER_FILES: u32 = 32;

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// Connections, each with one request at a time; one measurement for each number
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "10,50,100,200", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: Vec<u32>,
    /// How long a measurement sends requests; with --requests, at most
    #[arg(long, value_name = "TIME", default_value = "10s", default_value_if("requests", clap::builder::ArgPredicate::IsPresent, "60s"), value_parser = duration)]
    duration: Duration,
    /// How many requests a measurement sends
    #[arg(long, value_name = "N")]
    requests: Option<NonZeroU64>,
    /// So many requests a second are due, whether or not the service keeps up, and latencies count from when they were due (open
    /// loop). Without it each connection sends its next request when it has an answer (closed loop)
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// How long an answer is waited for
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// How long each pattern is loaded before it is measured
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    warmup: Duration,
}

impl SweepArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        ensure!(
            !self.duration.is_zero() && !self.timeout.is_zero(),
            "--duration and --timeout have to be longer than nothing"
        );
        let allowed = rlimit::increase_nofile_limit(u64::MAX);
        let allowed = allowed.context("can't raise the limit of open files")?;
        let most = self.concurrency.iter().max();
        files_suffice(*most.unwrap_or(&0), allowed)?;
        let endpoints = self.endpoints.chosen()?;
        let target = self.target.find().await?;
        // From here on Ctrl-C ends what is under way, and what was measured is kept.
        let stop = Stop::on_signal()?;
        let run = Run::begin(&self.about(&target))?;
        let measured = self.sweep(&target, &endpoints, &run, &stop).await;
        if matches!(measured, Ok(0)) {
            bail!("nothing was measured");
        }
        // What was measured before something went wrong is shown, too.
        if let Ok(results) = run.results() {
            let path = run.report(&page::render(&results))?;
            print_line(&format!("report  {}", path.display()));
        }
        measured.map(drop)
    }

    fn about(&self, target: &Target) -> About {
        let length = match self.requests {
            Some(requests) => format!("{requests} requests, at most {}", clock(self.duration)),
            None => clock(self.duration),
        };
        let pace = match self.rate {
            Some(rate) => format!("open loop, {} requests per second due", short(rate)),
            None => "closed loop".to_owned(),
        };
        About {
            begun: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            url: target.url.clone(),
            processors: available_parallelism().map_or(1, usize::from),
            load: format!("{pace}, {length} each"),
        }
    }

    /// Measures it all, and says how often.
    async fn sweep(
        &self,
        target: &Target,
        endpoints: &[Endpoint],
        run: &Run,
        stop: &Stop,
    ) -> anyhow::Result<usize> {
        let steps = endpoints.len() * self.concurrency.len();
        let mut progress = Progress::of(steps);
        let longest =
            self.duration * u32::try_from(steps)? + self.warmup * u32::try_from(endpoints.len())?;
        progress.line(&format!(
            "{steps} measurements of {}, about {}; Ctrl-C keeps what was measured",
            target.url,
            clock(longest)
        ));
        let mut measured = 0;
        for endpoint in endpoints {
            progress.now(&format!("{}, warming up", endpoint.name));
            warm(target, endpoint, self.warmup, stop).await?;
            for concurrency in &self.concurrency {
                if stop.is_asked() {
                    progress.line("stopped");
                    return Ok(measured);
                }
                progress.now(&format!("{} at {concurrency}", endpoint.name));
                let (row, samples, error) =
                    self.measure(target, endpoint, *concurrency, stop).await?;
                if row.requests() == 0 {
                    continue; // stopped before the first answer
                }
                run.add(&row, &samples)?;
                measured += 1;
                progress.done(&said(&row, error.as_deref()));
                if row.succeeded + row.failed == 0 && !stop.is_asked() {
                    target.is_there().await?;
                }
            }
        }
        Ok(measured)
    }

    /// Loads an endpoint. With what was measured comes the reason why one of the connections broke, if any did.
    async fn measure(
        &self,
        target: &Target,
        endpoint: &Endpoint,
        concurrency: u32,
        stop: &Stop,
    ) -> anyhow::Result<(Row, Vec<Sample>, Option<String>)> {
        let load = Load {
            address: target.address.clone(),
            request: endpoint.request.clone(),
            concurrency,
            pace: self.rate.map_or(Pace::Closed, Pace::Rate),
            duration: self.duration,
            requests: self.requests.map(NonZeroU64::get),
            patience: self.timeout,
        };
        let mut asking = Connection::to(target.address.clone());
        settle(&mut asking, stop).await?;
        let before = Counters::ask(&mut asking).await?;
        let (outcome, samples) = watch(&target.address, self.look_every(), load.run(stop)).await;
        // A service that does not answer any more has nothing to say about itself, but what it did before counts.
        let counted = Counters::ask(&mut asking).await.ok();
        let counted = counted.map(|after| after.since(before));
        let outcome = outcome?;
        let row = Row {
            rate: self.rate,
            concurrency,
            ..row(&endpoint.name, &outcome, counted, &samples)
        };
        Ok((row, samples, outcome.tally.error))
    }

    /// From one look at the pool to the next. How long a number of requests takes nobody knows before, and it may be a moment.
    fn look_every(&self) -> Duration {
        match self.requests {
            Some(_) => SOONEST,
            None => (self.duration / SAMPLES).max(SOONEST),
        }
    }
}

/// Each connection is an open file. The service has a limit of its own and says itself when it is too low.
fn files_suffice(connections: u32, allowed: u64) -> anyhow::Result<()> {
    let needed = connections + OTHER_FILES;
    ensure!(
        u64::from(needed) <= allowed,
        "--concurrency: {connections} connections need {needed} open files, and the limit is {allowed}; raise it (ulimit -n), or load with fewer"
    );
    Ok(())
}

/// Waits until nobody uses the pool: what one measurement left behind should not be in the next.
async fn settle(asking: &mut Connection, stop: &Stop) -> anyhow::Result<()> {
    let limit = Instant::now() + UNTIL_IDLE;
    while Status::ask(asking).await?.pool.in_use > 0 && Instant::now() < limit && !stop.is_asked() {
        sleep(SOONEST).await;
    }
    Ok(())
}

fn row(name: &str, outcome: &Outcome, counted: Option<Counters>, samples: &[Sample]) -> Row {
    let tally = &outcome.tally;
    let peak = |of: fn(&Sample) -> u32| samples.iter().map(of).max();
    let in_use: f64 = samples
        .iter()
        .map(|sample| f64::from(sample.pool.in_use))
        .sum();
    Row {
        pattern: name.to_owned(),
        source: SWEEP.to_owned(),
        seconds: millis(outcome.took) / 1e3,
        succeeded: tally.succeeded(),
        failed: tally.failed(),
        unanswered: tally.unanswered,
        throughput: per_second(tally.succeeded(), outcome.took),
        mean_ms: tally.mean_ms(),
        p50_ms: tally.quantile_ms(0.5),
        p95_ms: tally.quantile_ms(0.95),
        p99_ms: tally.quantile_ms(0.99),
        max_ms: tally.max_ms(),
        checkouts: counted.map(|counted| counted.checkouts),
        statements: counted.map(|counted| counted.statements),
        coalesced: counted.map(|counted| counted.coalesced),
        pool_max: peak(|sample| sample.pool.max_size),
        pool_peak: peak(|sample| sample.pool.in_use),
        pool_mean: (!samples.is_empty()).then(|| (in_use / length(samples) * 10.0).round() / 10.0),
        waiting_peak: peak(|sample| sample.pool.waiting),
        statuses: statuses(&tally.statuses),
        ..Row::default()
    }
}

/// To a tenth: more would be noise.
pub(super) fn per_second(count: u64, took: Duration) -> f64 {
    let secs = took.as_secs_f64().max(1e-9);
    (float(count) / secs * 10.0).round() / 10.0
}

/// How often each came, such as `200:950 503:50`.
pub(super) fn statuses(counts: &BTreeMap<u16, u64>) -> String {
    let each = counts
        .iter()
        .map(|(status, count)| format!("{status}:{count}"));
    each.collect::<Vec<_>>().join(" ")
}

/// A measurement, as a line. What failed for a reason that only the load knows is told with it.
fn said(row: &Row, error: Option<&str>) -> String {
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let failed = match (row.failed + row.unanswered, error) {
        (0, _) => String::new(),
        (wrong, None) => format!("  {wrong} failed"),
        (wrong, Some(error)) => {
            format!("  {wrong} failed, {} unanswered: {error}", row.unanswered)
        }
    };
    format!(
        "{:32} {:>5} at a time {:>7}/s  p50 {:>6} ms  p99 {:>6} ms{failed}",
        row.pattern,
        row.concurrency,
        short(row.throughput),
        ms(row.p50_ms),
        ms(row.p99_ms),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        sweep: SweepArgs,
    }

    #[test]
    fn too_low_a_limit_of_open_files_is_named_before_the_sweep() {
        files_suffice(200, 256).unwrap();
        let error = files_suffice(1000, 1024).unwrap_err().to_string();
        let expected = "1000 connections need 1032 open files, and the limit is 1024";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_measurement_says_why_connections_broke() {
        let mut row = Row {
            pattern: "per_request".to_owned(),
            succeeded: 3,
            ..Row::default()
        };
        assert!(said(&row, None).ends_with(" ms"));
        (row.failed, row.unanswered) = (3, 2);
        assert!(said(&row, None).ends_with("  5 failed"));
        assert!(said(&row, Some("no route")).ends_with("  5 failed, 2 unanswered: no route"));
    }

    #[test]
    fn the_pool_is_looked_at_a_hundred_times_or_all_the_time_where_the_end_is_not_known() {
        for (typed, millis) in [
            (&["--duration", "10s"][..], 100),
            (&["--duration", "1s"], 20),
            (&["--requests", "200"], 20),
            (&["--requests", "200", "--duration", "10m"], 20),
        ] {
            let typed = ["sweep"].iter().chain(typed);
            let Typed { sweep } = Typed::try_parse_from(typed).unwrap();
            assert_eq!(sweep.look_every(), Duration::from_millis(millis));
        }
    }
}

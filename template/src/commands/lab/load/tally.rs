//! What came of the requests.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

/// Three digits are more than two runs ever agree on.
const DIGITS: u8 = 3;

/// An hour, in microseconds: nothing is waited for so long.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// What became of one request.
#[derive(Debug)]
pub(in crate::commands::lab) enum Answer {
    /// An answer with this status.
    Status(u16),
    /// The connection was refused or broke off, for this reason.
    Broken(anyhow::Error),
    /// None within the time that it was waited for.
    Late,
}

/// What came of many; each connection counts for itself, and the counts are added in the end.
pub(in crate::commands::lab) struct Tally {
    /// By status.
    pub(in crate::commands::lab) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(in crate::commands::lab) unanswered: u64,
    /// Why one of the connections broke, if any did.
    pub(in crate::commands::lab) error: Option<String>,
    /// In microseconds. Leaving out who waited longest would flatter the service: who was not answered in time, or not even asked, counts
    /// with the time that he waited. Only what was refused or broke off doesn't.
    latencies: Histogram<u64>,
}

impl Tally {
    /// # Errors
    ///
    /// If no histogram has as many digits as [`DIGITS`]; those of three do exist.
    pub(in crate::commands::lab) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            statuses: BTreeMap::new(),
            unanswered: 0,
            error: None,
            latencies: Histogram::new(DIGITS)?,
        })
    }

    /// Counts a request: what became of it, and how long that took.
    pub(in crate::commands::lab) fn count(&mut self, answer: Answer, latency: Duration) {
        match answer {
            Answer::Status(status) => *self.statuses.entry(status).or_default() += 1,
            Answer::Late => self.unanswered += 1,
            Answer::Broken(error) => {
                self.unanswered += 1;
                self.error.get_or_insert_with(|| format!("{error:#}"));
                return;
            }
        }
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_MICROS);
        // It grows to what it is given, and that is not more than an hour.
        let _ = self.latencies.record(micros.clamp(1, LONGEST_MICROS));
    }

    /// Adds what another counted.
    ///
    /// # Errors
    ///
    /// If the other's latencies are longer than this histogram can hold; that of [`Tally::new`] grows as it has to.
    pub(in crate::commands::lab) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.unanswered += other.unanswered;
        if self.error.is_none() {
            self.error.clone_from(&other.error);
        }
        Ok(self.latencies.add(&other.latencies)?)
    }

    /// Answers with a status below 400.
    pub(in crate::commands::lab) fn succeeded(&self) -> u64 {
        by_success(&self.statuses).0
    }

    /// Answers with any other status.
    pub(in crate::commands::lab) fn failed(&self) -> u64 {
        by_success(&self.statuses).1
    }

    /// All requests.
    pub(in crate::commands::lab) fn requests(&self) -> u64 {
        self.succeeded() + self.failed() + self.unanswered
    }

    /// The mean latency in milliseconds, if there is any.
    pub(in crate::commands::lab) fn mean_ms(&self) -> Option<f64> {
        self.of_latencies(|latencies| latencies.mean().round() / 1e3)
    }

    /// The latency in milliseconds that a share of requests kept to, such as 0.99.
    pub(in crate::commands::lab) fn quantile_ms(&self, share: f64) -> Option<f64> {
        self.of_latencies(|latencies| in_ms(latencies.value_at_quantile(share)))
    }

    /// The longest latency in milliseconds.
    pub(in crate::commands::lab) fn max_ms(&self) -> Option<f64> {
        self.of_latencies(|latencies| in_ms(latencies.max()))
    }

    fn of_latencies(&self, figure: impl Fn(&Histogram<u64>) -> f64) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| figure(&self.latencies))
    }
}

/// How many answers had a status below 400, and how many any other.
pub(in crate::commands::lab) fn by_success(statuses: &BTreeMap<u16, u64>) -> (u64, u64) {
    let succeeded = statuses.range(..400).map(|(_, count)| count).sum();
    let failed = statuses.range(400..).map(|(_, count)| count).sum();
    (succeeded, failed)
}

fn in_ms(micros: u64) -> f64 {
    super::float(micros) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::lab::load::Pace;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[track_caller]
    fn assert_near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        let off = (found - expected).abs() / expected;
        assert!(off < 0.005, "{found} instead of {expected}");
    }

    #[test]
    fn merged_counts_are_those_of_one_who_saw_it_all() {
        let mut all = Tally::new().unwrap();
        let mut parts = [(); 4].map(|()| Tally::new().unwrap());
        for number in 1..=1000 {
            let answer = || match number % 10 {
                0 => Answer::Status(503),
                1 => Answer::Late,
                _ => Answer::Status(200),
            };
            let latency = ms(number);
            all.count(answer(), latency);
            parts[usize::try_from(number % 4).unwrap()].count(answer(), latency);
        }
        let mut merged = Tally::new().unwrap();
        for part in &parts {
            merged.add(part).unwrap();
        }
        assert_eq!(
            (merged.succeeded(), merged.failed(), merged.unanswered),
            (800, 100, 100)
        );
        assert_eq!(merged.statuses, all.statuses);
        assert_eq!(merged.latencies, all.latencies);
        assert_near(merged.quantile_ms(0.5), 500.0);
        assert_near(merged.quantile_ms(0.99), 990.0);
        assert_near(merged.max_ms(), 1000.0);
        assert_near(merged.mean_ms(), 500.5);
    }

    #[test]
    fn what_was_refused_has_no_latency_and_the_first_reason_is_kept() {
        let mut tally = Tally::new().unwrap();
        for reason in ["refused", "reset"] {
            let mut counted = Tally::new().unwrap();
            counted.count(Answer::Broken(anyhow::anyhow!(reason)), ms(1));
            tally.add(&counted).unwrap();
        }
        assert_eq!((tally.requests(), tally.unanswered), (2, 2));
        assert_eq!(tally.error.as_deref(), Some("refused"));
        assert_eq!(
            (tally.mean_ms(), tally.quantile_ms(0.5), tally.max_ms()),
            (None, None, None)
        );
    }

    /// One connection to a service that takes a millisecond for a request and, once, stands still for a second; 100 requests are due each
    /// second for ten seconds. Those that are due while it stands wait for the rest of that second and for those before them.
    #[test]
    fn a_standstill_counts_for_all_who_had_to_wait() {
        let (pace, all) = (Pace::Rate(100.0), 1000);
        let (mut from_due, mut from_sent) = (Tally::new().unwrap(), Tally::new().unwrap());
        let mut free = ms(0);
        for number in 0..all {
            let due = pace.due(number).unwrap();
            let sent = due.max(free);
            let took = if number == 500 { ms(1000) } else { ms(1) };
            free = sent + took;
            from_due.count(Answer::Status(200), free.saturating_sub(due));
            from_sent.count(Answer::Status(200), took);
        }
        // Number 500 + k is due 10 k ms after the standstill began and answered k ms after it ended: it waits 1000 − 9 k ms, for k
        // up to 111. Of 1000 requests the slowest 1 % are k = 0 … 9, and the slowest 5 % k = 0 … 49.
        assert_near(from_due.max_ms(), 1000.0);
        assert_near(from_due.quantile_ms(0.99), 1000.0 - 9.0 * 10.0);
        assert_near(from_due.quantile_ms(0.95), 1000.0 - 9.0 * 50.0);
        assert_near(from_due.quantile_ms(0.5), 1.0);
        // Who counts from when the request was sent sees none of it but one.
        assert_near(from_sent.quantile_ms(0.99), 1.0);
        // The correction that HdrHistogram makes afterwards, from the interval, comes to much the same.
        let corrected = from_sent.latencies.clone_correct(10_000);
        let after = in_ms(corrected.value_at_quantile(0.95));
        assert!((400.0..=700.0).contains(&after), "{after}");
    }

    #[test]
    fn what_was_due_and_never_sent_has_waited_until_the_end() {
        let waited: Vec<_> = Pace::Rate(100.0).unsent(97..u64::MAX, ms(1000)).collect();
        assert_eq!(waited, [ms(30), ms(20), ms(10)]);
        assert_eq!(Pace::Rate(100.0).unsent(100..u64::MAX, ms(1000)).count(), 0);
        assert_eq!(Pace::Rate(100.0).unsent(97..98, ms(1000)).count(), 1);
        assert_eq!(Pace::Closed.unsent(0..u64::MAX, ms(1000)).count(), 0);
    }
}

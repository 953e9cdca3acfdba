//! What is known about each host that requests go to.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use tower::retry::budget::{Budget, TpsBudget};
use tracing::{info, warn};

use super::breaker::{Breaker, BreakerSettings, Permit, Shown};
use super::error::HttpClientError;
use super::metrics;

/// Hosts that have a breaker and a name in the metrics: those that are asked first. A service asks a handful; one whose users name
/// the hosts (webhooks) must not grow with every name they think of.
const MOST: usize = 256;

/// The name that the others have in common.
const OTHERS: &str = "_other";

/// Time over which attempts are weighed against calls.
const BUDGET_TIME: Duration = Duration::from_secs(10);

/// Attempts after the first that are always allowed, each second.
const BUDGET_PER_SEC: u32 = 10;

/// Attempts after the first that are allowed beside those, for each call.
const BUDGET_SHARE: f32 = 0.2;

/// All upstreams.
#[derive(Debug)]
pub(super) struct Upstreams {
    known: RwLock<HashMap<Box<str>, Arc<Upstream>>>,
    settings: BreakerSettings,
    others: Arc<Upstream>,
}

/// One host with its port.
#[derive(Debug)]
pub(super) struct Upstream {
    /// Its name, with the port if that is not the usual one.
    pub(super) name: Box<str>,
    breaker: Option<Arc<Breaker>>,
    budget: TpsBudget,
}

impl Upstreams {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            known: RwLock::default(),
            settings,
            others: Arc::new(Upstream::new(OTHERS.into(), None)),
        }
    }

    /// The upstream that this URL belongs to.
    pub(super) fn of(&self, url: &Url) -> Arc<Upstream> {
        let host = url.host_str().unwrap_or_default();
        let name = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(upstream) = known.get(name.as_str()) {
            return Arc::clone(upstream);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(upstream) = known.get(name.as_str()) {
            return Arc::clone(upstream);
        }
        if known.len() >= MOST {
            return Arc::clone(&self.others);
        }
        let name = name.into_boxed_str();
        metrics::breaker_state(&name).set(Shown::Closed.value());
        let breaker = Breaker::new(self.settings);
        let upstream = Arc::new(Upstream::new(name.clone(), Some(breaker)));
        known.insert(name, Arc::clone(&upstream));
        upstream
    }
}

impl Upstream {
    fn new(name: Box<str>, breaker: Option<Arc<Breaker>>) -> Self {
        Self {
            name,
            breaker,
            budget: TpsBudget::new(BUDGET_TIME, BUDGET_PER_SEC, BUDGET_SHARE),
        }
    }

    /// Lets a call through.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Open`] if the breaker lets none through.
    pub(super) fn admit(&self) -> Result<Option<Permit>, HttpClientError> {
        let Some(breaker) = &self.breaker else {
            return Ok(None);
        };
        let (permit, changed) = breaker.admit().map_err(|left| self.open(left))?;
        self.show(changed);
        Ok(Some(permit))
    }

    /// Whether the breaker is open. To look at it changes nothing.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Open`] if it is.
    pub(super) fn look(&self) -> Result<(), HttpClientError> {
        let left = self.breaker.as_ref().and_then(|one| one.refuses_for());
        left.map_or(Ok(()), |left| Err(self.open(left)))
    }

    fn open(&self, retry_after: Duration) -> HttpClientError {
        HttpClientError::Open {
            host: self.name.to_string(),
            retry_after,
        }
    }

    /// Says how a call went.
    pub(super) fn end(&self, permit: Permit, failed: bool) {
        self.show(permit.end(failed));
    }

    /// Counts a call, each of which earns a part of a further attempt.
    pub(super) fn deposit(&self) {
        self.budget.deposit();
    }

    /// Whether another attempt may be made: when all calls fail, attempts must not multiply the load.
    pub(super) fn withdraw(&self) -> bool {
        self.budget.withdraw()
    }

    fn show(&self, changed: Option<Shown>) {
        let Some(state) = changed else { return };
        metrics::breaker_state(&self.name).set(state.value());
        let upstream = &*self.name;
        match state {
            Shown::Open => warn!(upstream, "breaker open: requests to this host are refused"),
            Shown::HalfOpen => info!(
                upstream,
                "breaker half-open: one request tries the host out"
            ),
            Shown::Closed => info!(upstream, "breaker closed: the host answers again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_of_its_own_unless_there_are_too_many() {
        let upstreams = Upstreams::new(BreakerSettings {
            failure_percent: 50,
            min_calls: 1,
            open: Duration::from_secs(1),
        });
        let of = |url: &str| upstreams.of(&Url::parse(url).unwrap());
        assert_eq!(&*of("https://a.example/x?y=1").name, "a.example");
        assert_eq!(&*of("https://user:secret@a.example:443/").name, "a.example");
        assert_eq!(&*of("http://a.example:8080/").name, "a.example:8080");
        assert_eq!(&*of("http://[::1]:81/").name, "[::1]:81");
        for number in 0..MOST {
            of(&format!("http://{number}.hooks.example/"));
        }
        let one_more = of("http://one-more.example/");
        assert_eq!(&*one_more.name, OTHERS);
        assert!(one_more.breaker.is_none());
        assert_eq!(&*of("https://a.example/").name, "a.example");
        assert_eq!(upstreams.known.read().unwrap().len(), MOST);
    }
}

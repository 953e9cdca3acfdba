//! How many requests each client has left, for as many clients as fit into a table that never grows.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Clients that share a lock and, should they come too many, each other's places.
const WAYS: usize = 8;

/// Sets that get their memory together, when the first client comes into one of them: little more than a page of the system's.
const SETS_IN_BLOCK: usize = 32;

/// With 32 sets of 8 places of 16 bytes and a lock each: 65,536 clients in 1.1 MiB, and what the allocator rounds up.
const BLOCKS: usize = 256;

/// The quotas of all clients (the generic cell rate algorithm: a client is a moment, at which its quota is whole again).
///
/// A place whose moment has passed says nothing and is free. A client that sends one request needs its place for the time in which one
/// is given back, at 50 per second 20 ms; so whoever wants to fill the table needs as many addresses within that time. If it is full, who has
/// used least is forgotten: whoever has used up its quota is remembered longest, and being forgotten only means a quota that is whole.
#[derive(Debug)]
pub(super) struct Quotas {
    /// Few clients need little: behind a proxy that isn't trusted there is only one.
    blocks: Box<[OnceLock<Box<Block>>]>,
    /// With keys of its own, so that nobody can choose addresses that share a set.
    hasher: RandomState,
    start: Instant,
    /// Nanoseconds in which one request is given back.
    interval: u64,
    /// Requests of a quota that is whole.
    burst: u64,
}

type Block = [Mutex<[Place; WAYS]>; SETS_IN_BLOCK];

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The client's hash. Two that share one share a quota, which nobody will live to see.
    client: u64,
    /// Nanoseconds since the start.
    whole_at: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// How many more may follow at once.
    pub(super) left: u64,
    /// After what time the quota is whole again.
    pub(super) whole_in: Duration,
    /// After what time the next one may come, if this one may not.
    pub(super) refused_for: Option<Duration>,
}

impl Quotas {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
            hasher: RandomState::new(),
            start: Instant::now(),
            interval: 1_000_000_000 / u64::from(per_second.max(1)),
            burst: u64::from(burst),
        }
    }

    /// Counts a request; those whose address is not known are one client.
    pub(super) fn count(&self, client: Option<IpAddr>) -> Counted {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.count_at(client, now)
    }

    fn count_at(&self, client: Option<IpAddr>, now: u64) -> Counted {
        let client = self.hasher.hash_one(client.map(who));
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let any = client as usize;
        let block = self.blocks[any % BLOCKS].get_or_init(Box::default);
        let set = &block[any / BLOCKS % SETS_IN_BLOCK];
        let mut places = set.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.iter().position(|place| place.client == client);
        let place = if let Some(known) = known {
            &mut places[known]
        } else {
            let [first, others @ ..] = &mut *places;
            let least = others.iter_mut().fold(first, |least, place| {
                if place.whole_at < least.whole_at {
                    place
                } else {
                    least
                }
            });
            *least = Place {
                client,
                whole_at: 0,
            };
            least
        };
        let used = place.whole_at.saturating_sub(now);
        let whole = self.burst * self.interval;
        let used_with_this = used + self.interval;
        if used_with_this > whole {
            return Counted {
                left: 0,
                whole_in: Duration::from_nanos(used),
                refused_for: Some(Duration::from_nanos(used_with_this - whole)),
            };
        }
        place.whole_at = now + used_with_this;
        Counted {
            left: (whole - used_with_this) / self.interval,
            whole_in: Duration::from_nanos(used_with_this),
            refused_for: None,
        }
    }
}

/// What of an address stands for a client. A subscriber with IPv6 has at least a /64 to choose addresses from.
fn who(address: IpAddr) -> (bool, u64) {
    match address {
        IpAddr::V4(address) => (false, address.to_bits().into()),
        IpAddr::V6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn passes(quotas: &Quotas, client: Option<IpAddr>, now: u64) -> bool {
        quotas.count_at(client, now).refused_for.is_none()
    }

    #[test]
    fn a_client_may_send_a_burst_and_then_as_much_as_is_given_back() {
        let quotas = Quotas::new(10, 3);
        let client = address("192.0.2.1");
        let now = 7 * SECOND;
        let lefts: Vec<_> = (0..3).map(|_| quotas.count_at(client, now).left).collect();
        assert_eq!(lefts, [2, 1, 0]);
        let refused = quotas.count_at(client, now);
        assert_eq!(refused.refused_for, Some(Duration::from_millis(100)));
        assert_eq!(refused.whole_in, Duration::from_millis(300));
        assert!(passes(&quotas, address("192.0.2.2"), now), "another client");
        let later = now + SECOND / 10;
        assert!(passes(&quotas, client, later), "one was given back");
        assert!(!passes(&quotas, client, later), "and not two");
        let much_later = now + 99 * SECOND;
        assert_eq!(
            quotas.count_at(client, much_later).left,
            2,
            "no more than a burst"
        );
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let quotas = Quotas::new(1, 1);
        assert!(passes(&quotas, address("2001:db8:0:1::1"), 0));
        assert!(!passes(&quotas, address("2001:db8:0:1:ffff::2"), 0));
        assert!(passes(&quotas, address("2001:db8:0:2::1"), 0));
        assert!(passes(&quotas, None, 0));
        assert!(!passes(&quotas, None, 0), "who is not known is one client");
    }

    /// Half a million addresses at one moment, eight times as many as there are places.
    #[test]
    fn many_addresses_neither_free_one_that_is_limited_nor_lock_others_out() {
        let quotas = Quotas::new(50, 100);
        let greedy = address("192.0.2.1");
        while passes(&quotas, greedy, 0) {}
        for number in 0..500_000u32 {
            let one = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
            assert!(passes(&quotas, Some(one), 0), "{one} was not here before");
            let network = u128::from(0x2001_0db8_0000_0000 + u64::from(number)) << 64;
            assert!(passes(
                &quotas,
                Some(Ipv6Addr::from_bits(network).into()),
                0
            ));
        }
        assert!(
            !passes(&quotas, greedy, 0),
            "it was forgotten, and may start anew"
        );
        let places = quotas.blocks.len() * SETS_IN_BLOCK * WAYS;
        assert_eq!(places, 65_536, "the table has not grown");
    }
}

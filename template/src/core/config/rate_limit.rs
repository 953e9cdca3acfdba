use std::{borrow::Cow, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use validator::Validate;

use super::{AppEnv, Checks, Defaults, List, Section};

/// How many requests one client may send. A client is an address, of IPv6 the network (/64) that a subscriber has.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct RateLimitConfig {
    /// Whether clients are limited. Each replica counts for itself.
    pub enabled: bool,
    /// Requests per second that a client may send for as long as it likes.
    #[validate(range(min = 1, max = 1_000_000))]
    pub per_second: u32,
    /// Requests that it may send at once, after a pause.
    #[validate(range(min = 1, max = 1_000_000))]
    pub burst: u32,
    /// Networks of the proxies before the service, such as `10.0.0.0/8,fd00::/8`, or `none` if clients connect to it. Only proxies
    /// are believed when they say for whom they ask; anybody else could claim any address.
    pub trusted_proxies: Option<TrustedProxies>,
    /// The header in which they say it. The other one is not read: a proxy hands on what clients put into it.
    pub forwarded_header: ForwardedHeader,
}

/// The networks whose word about a client's address is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether the address is that of a proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network, or an address for the network that is only that.
struct Network(IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().or_else(|_| address());
        network
            .map(|network| Self(canonical(network)))
            .map_err(|_| "is neither a network, such as 10.0.0.0/8, nor an address")
    }
}

/// IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) is IPv4, as the addresses are that it is compared with.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let v4 = v6.addr().to_ipv4_mapped().and_then(|address| {
        let length = v6.prefix_len().checked_sub(96)?;
        Ipv4Net::new(address, length).ok()
    });
    v4.map_or(network, IpNet::V4)
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim() == "none" {
            return Ok(Self::default());
        }
        let networks =
            List::<Network>::deserialize(serde::de::value::StringDeserializer::new(text));
        let networks =
            networks.map_err(|error: serde::de::value::Error| D::Error::custom(error))?;
        Ok(Self(networks.iter().map(|network| network.0).collect()))
    }
}

impl JsonSchema for TrustedProxies {
    fn schema_name() -> Cow<'static, str> {
        "TrustedProxies".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "comma-separated" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A header in which a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: what most proxies send.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Section for RateLimitConfig {
    fn defaults(env: AppEnv) -> Defaults {
        Defaults::new()
            .with("enabled", env.limits_clients())
            .with("per_second", 50)
            .with("burst", 100)
            .with("forwarded_header", "x-forwarded-for")
    }

    fn check(&self, env: AppEnv, checks: &mut Checks<'_, '_>) {
        if self.enabled && self.trusted_proxies.is_none() && env.limits_clients() {
            checks.refuse(
                "trusted_proxies",
                "must say which proxies are before the service: without them all clients of a proxy are one, and share its limit",
                &[
                    "set it to their networks, such as 10.0.0.0/8 for an ingress in the cluster, or to `none` if there is no proxy",
                    "RATE_LIMIT_ENABLED=false leaves limiting to others",
                ],
            );
        }
    }
}

super::register_section! { "RATE_LIMIT_": RateLimitConfig }

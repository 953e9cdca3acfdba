//! Who is limited, and whose word about a client's address is taken.

use std::net::IpAddr;

use app::core::config::{AppEnv, Config, RateLimitConfig};
use insta::assert_snapshot;

use crate::files::refused;

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://app@db/app");

fn trusts(networks: &str, address: &str) -> bool {
    let pair = ("RATE_LIMIT_TRUSTED_PROXIES", networks);
    let config = Config::for_tests([pair]);
    let section = config.section::<RateLimitConfig>();
    let proxies = section.trusted_proxies.clone().unwrap_or_default();
    proxies.contains(address.parse::<IpAddr>().unwrap())
}

#[test]
fn clients_are_limited_everywhere_but_in_local() {
    let local = Config::for_tests([("", ""); 0]);
    assert!(!local.section::<RateLimitConfig>().enabled);
    for env in [AppEnv::Dev, AppEnv::Uat, AppEnv::Prod] {
        let error = Config::for_tests_in(env, [DATABASE]).unwrap_err();
        insta::allow_duplicates! {
            assert_snapshot!(error, @r"
            error: RATE_LIMIT_TRUSTED_PROXIES must say which proxies are before the service: without them all clients of a proxy are one, and share its limit
               = set it to their networks, such as 10.0.0.0/8 for an ingress in the cluster, or to `none` if there is no proxy
               = RATE_LIMIT_ENABLED=false leaves limiting to others

            1 problem; nothing was started. `config explain` shows where each value comes from.
            ");
        }
        for decided in [
            ("RATE_LIMIT_TRUSTED_PROXIES", "none"),
            ("RATE_LIMIT_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("RATE_LIMIT_ENABLED", "false"),
        ] {
            Config::for_tests_in(env, [DATABASE, decided]).unwrap();
        }
        let unset = ("RATE_LIMIT_TRUSTED_PROXIES", "");
        Config::for_tests_in(env, [DATABASE, unset]).unwrap_err();
    }
}

#[test]
fn proxies_are_networks_or_addresses() {
    assert!(trusts("10.0.0.0/8, fd00::/8", "10.200.0.1"));
    assert!(trusts("10.0.0.0/8, fd00::/8", "fd00::1"));
    assert!(!trusts("10.0.0.0/8, fd00::/8", "11.0.0.1"));
    assert!(trusts("192.0.2.1", "192.0.2.1"));
    assert!(!trusts("192.0.2.1", "192.0.2.2"));
    assert!(!trusts("none", "127.0.0.1"));
    for ipv4_as_ipv6 in ["::ffff:10.0.0.0/104", "::ffff:10.0.0.7"] {
        assert!(trusts(ipv4_as_ipv6, "10.0.0.7"), "{ipv4_as_ipv6}");
        assert!(!trusts(ipv4_as_ipv6, "11.0.0.7"), "{ipv4_as_ipv6}");
    }
    assert_snapshot!(refused([("RATE_LIMIT_TRUSTED_PROXIES", "10.0.0.0/8,ingress")]), @r"
    error: RATE_LIMIT_TRUSTED_PROXIES holds `ingress`: is neither a network, such as 10.0.0.0/8, nor an address
      --> environment
       |
       | RATE_LIMIT_TRUSTED_PROXIES=10.0.0.0/8,ingress
       |                            ^^^^^^^^^^^^^^^^^^ Networks of the proxies before the service, such as `10.0.0.0/8,fd00::/8`, or `none` if clients connect to it

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let header = refused([("RATE_LIMIT_FORWARDED_HEADER", "x-real-ip")]);
    assert!(
        header.contains("must be one of x-forwarded-for, forwarded"),
        "{header}"
    );
}

//! Who asks: the address of the client, also behind proxies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, Request};
use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use tower::Service;

use crate::core::config::{ForwardedHeader, RateLimitConfig, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, in the extensions of its request. IPv4 written as IPv6 is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// Whose word about a client's address is taken, and where it stands.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: TrustedProxies,
    header: ForwardedHeader,
}

impl Proxies {
    pub(super) fn new(config: &RateLimitConfig) -> Arc<Self> {
        Arc::new(Self {
            trusted: config.trusted_proxies.clone().unwrap_or_default(),
            header: config.forwarded_header,
        })
    }

    /// Each proxy adds at the end whom it got the request from. So the last address that is no proxy's is the client's; what stands
    /// before it, the client itself has written.
    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let (name, address_in): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, node),
            ForwardedHeader::Forwarded => (FORWARDED, forwarded_for),
        };
        let lines = headers.get_all(name).iter().rev();
        // A comma within quotes divides, too: if quotes counted, a client could open one that swallows what the proxy adds.
        // Element by element, since a byte that is no text in one that the client wrote must not hide what the proxy adds.
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut named = elements.map(|element| str::from_utf8(element).unwrap_or_default());
        while self.trusted.contains(client) {
            // Where the chain breaks off, or names somebody by another word than an address, the proxy is the one we know.
            let Some(address) = named.next().and_then(address_in) else {
                break;
            };
            client = address.to_canonical();
        }
        client
    }
}

/// `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, the first and last also with a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse();
    address
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
}

/// The address behind `for=`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value.trim().trim_matches('"'))
}

/// Finds out who the client is, as far as the connection's address is known.
#[derive(Clone)]
pub(super) struct Identify<S> {
    inner: S,
    proxies: Arc<Proxies>,
}

impl<S> Identify<S> {
    pub(super) fn new(inner: S, proxies: Arc<Proxies>) -> Self {
        Self { inner, proxies }
    }
}

impl<S: Service<Request>> Service<Request> for Identify<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        if let Some(ConnectInfo(peer)) = peer {
            let client = self.proxies.client_of(peer.ip(), request.headers());
            request.extensions_mut().insert(ClientAddress(client));
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::core::config::Config;

    fn client(trusted: &str, header: &str, peer: &str, lines: &[&[u8]]) -> String {
        let config = Config::for_tests([
            ("DATABASE_URL", "postgres://app@db/app"),
            ("RATE_LIMIT_TRUSTED_PROXIES", trusted),
            ("RATE_LIMIT_FORWARDED_HEADER", header),
        ]);
        let mut headers = HeaderMap::new();
        for line in lines {
            for name in [FORWARDED, X_FORWARDED_FOR] {
                headers.append(name, HeaderValue::from_bytes(line).unwrap());
            }
        }
        let proxies = Proxies::new(config.section());
        proxies
            .client_of(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let of = |trusted, peer, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            client(trusted, "x-forwarded-for", peer, &lines)
        };
        let private = "10.0.0.0/8,fd00::/8";
        for (peer, lines, expected) in [
            // nobody in between
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.1.1.1", &[], "10.1.1.1"),
            // one and several proxies
            ("10.1.1.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["203.0.113.9, 10.2.2.2"], "203.0.113.9"),
            (
                "10.1.1.1",
                &["203.0.113.9", "10.3.3.3 ,10.2.2.2"],
                "203.0.113.9",
            ),
            // what the client claims itself
            ("10.1.1.1", &["8.8.8.8, 203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["8.8.8.8", "203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["\"8.8.8.8, 203.0.113.9"], "203.0.113.9"),
            // no address, or none that can be read
            ("10.1.1.1", &["203.0.113.9, unknown"], "10.1.1.1"),
            ("10.1.1.1", &[""], "10.1.1.1"),
            ("10.1.1.1", &["1.2.3.4.5"], "10.1.1.1"),
            // a client in the same network
            ("10.1.1.1", &["10.7.7.7"], "10.7.7.7"),
            // ways to write an address
            ("10.1.1.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.1.1.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.1.1.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.1.1.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.1.1.1", &["203.0.113.9"], "203.0.113.9"),
            ("fd00::7", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(of(private, peer, lines), expected, "{peer} {lines:?}");
        }
        assert_eq!(of("none", "10.1.1.1", &["203.0.113.9"]), "10.1.1.1");
        assert_eq!(of("", "10.1.1.1", &["203.0.113.9"]), "10.1.1.1");
        assert_eq!(of("10.1.1.1", "10.1.1.1", &["10.1.1.2"]), "10.1.1.2");
    }

    #[test]
    fn what_is_no_text_hides_nobody() {
        for (header, line, expected) in [
            ("x-forwarded-for", &b"\xff, 203.0.113.9"[..], "203.0.113.9"),
            ("x-forwarded-for", b"\xc3\xa4, 203.0.113.9", "203.0.113.9"),
            ("x-forwarded-for", b"203.0.113.9, \xff", "10.1.1.1"),
            ("forwarded", b"for=\xff, for=203.0.113.9", "203.0.113.9"),
        ] {
            let found = client("10.0.0.0/8", header, "10.1.1.1", &[line]);
            assert_eq!(found, expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn forwarded_is_read_where_it_is_the_header() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            client("10.0.0.0/8", "forwarded", "10.1.1.1", &lines)
        };
        for (lines, expected) in [
            (
                &["for=203.0.113.9;proto=https;by=10.1.1.1"][..],
                "203.0.113.9",
            ),
            (&["For=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (
                &["for=8.8.8.8, proto=http; for = \"203.0.113.9\""],
                "203.0.113.9",
            ),
            (
                &["for=8.8.8.8;x=\"a, for=203.0.113.9;proto=http"],
                "203.0.113.9",
            ),
            (&["for=203.0.113.9, for=_hidden"], "10.1.1.1"),
            (&["203.0.113.9"], "10.1.1.1"),
        ] {
            assert_eq!(of(lines), expected, "{lines:?}");
        }
    }
}

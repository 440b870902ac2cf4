//! Which addresses may be asked: an upstream must not make us talk to our own network.

use crate::config::Config;
use crate::config::networks::Network;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Until one address that does not answer is given up on.
const CONNECT: Duration = Duration::from_secs(30);

/// Whether an address lies in a network that only we are in: private, loopback, link-local (with
/// the metadata services of clouds), unspecified, shared, multicast or reserved. Addresses of
/// version 6 that carry one of version 4 are judged by it.
pub fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_internal_v4(v4),
        IpAddr::V6(v6) => is_internal_v6(v6),
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        // 100.64/10 is shared by carriers (RFC 6598), 198.18/15 for benchmarks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || address.octets().starts_with(&[192, 0, 0])
        // Multicast, reserved, broadcast.
        || a >= 224
}

fn is_internal_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, ..] = segments;
    let tail = |at: usize| {
        let [high, low] =
            [segments.get(at), segments.get(at + 1)].map(|s| s.copied().unwrap_or(0).to_be_bytes());
        Ipv4Addr::new(high[0], high[1], low[0], low[1])
    };
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return true;
    }
    // fc00::/7 unique local, fe80::/10 link-local, fec0::/10 site-local
    if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 {
        return true;
    }
    match segments {
        // v4-compatible, v4-mapped, v4-translated
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => {
            is_internal_v4(tail(6))
        }
        // NAT64 (RFC 6052, RFC 8215)
        [0x64, 0xff9b, ..] => is_internal_v4(tail(6)),
        // 6to4 (RFC 3056); Teredo (RFC 4380) is refused whole
        [0x2002, ..] => is_internal_v4(tail(1)),
        [0x2001, 0, ..] => true,
        _ => false,
    }
}

/// How names become addresses. A parameter, so that tests can script a name that changes its meaning.
pub type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

fn by_system(host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
}

/// Which addresses a connection may be made to: those outside, and those of the hosts that an
/// administrator named. What connects is given exactly the addresses that were checked, so that a
/// name can not change its meaning in between.
#[derive(Clone)]
pub struct Guard {
    /// Hosts of the internal network that may be asked: names, and networks.
    names: Arc<HashSet<String>>,
    networks: Arc<[Network]>,
    /// Hosts of configured HTTP proxies, which may be inside.
    proxies: Arc<HashSet<String>>,
    lookup: Lookup,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({:?}, {:?})", self.names, self.networks)
    }
}

impl Guard {
    /// For whoever has no account: public addresses alone, whatever is configured.
    pub fn public() -> Self {
        Self::of(&[])
    }

    /// For whoever has an account: public addresses, and `private_hosts`.
    pub fn granted(config: &Config) -> Self {
        Self::of(&config.private_hosts)
    }

    fn of(hosts: &[String]) -> Self {
        let networks: Vec<Network> = hosts.iter().filter_map(|host| host.parse().ok()).collect();
        Self {
            names: Arc::new(hosts.iter().map(|host| plain(host)).collect()),
            networks: networks.into(),
            proxies: Arc::new(proxy_hosts()),
            lookup: Arc::new(by_system),
        }
    }

    /// The same with another way to resolve names.
    pub fn with_lookup(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Whether `host`, which is at `address`, may be asked.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        !is_internal(address)
            || self.names.contains(&plain(host))
            || self.networks.iter().any(|network| network.contains(address))
    }

    /// Whether a host may be asked as far as its spelling tells: numbers are not resolved, and the
    /// proxies are for us alone.
    pub fn admits(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Ipv4(v4) => self.allows(&v4.to_string(), (*v4).into()),
            Host::Ipv6(v6) => self.allows(&v6.to_string(), (*v6).into()),
            Host::Domain(name) => !self.proxies.contains(&plain(name)) || self.names.contains(&plain(name)),
        }
    }

    /// The addresses of a host that may be connected to; never none of them.
    ///
    /// # Errors
    /// `PermissionDenied` if all are refused, else what the lookup said.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = plain(host);
        let found = match host.parse::<IpAddr>() {
            Ok(number) => vec![SocketAddr::new(number, port)],
            Err(_) => (self.lookup)(host.clone(), port).await?,
        };
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
        }
        let open: Vec<_> = found.into_iter().filter(|at| self.allows(&host, at.ip())).collect();
        match open.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal(&host))),
            false => Ok(open),
        }
    }

    /// Why nothing may be asked or told at a URL, as far as it can be said now: each connection is looked at again.
    pub async fn refuses(&self, url: &Url, offline: bool) -> Option<String> {
        let (host, text) = (url.host()?, url.host_str().unwrap_or_default());
        if !self.admits(&host) {
            return Some(refusal(text));
        }
        // Offline no packet leaves, and what cannot be resolved now may be resolved later.
        if offline || !matches!(host, Host::Domain(_)) {
            return None;
        }
        match self.addresses(text, url.port_or_known_default().unwrap_or(443)).await {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(refusal(text)),
            _ => None,
        }
    }

    /// A connection to one of the addresses that were checked.
    ///
    /// # Errors
    /// As [`Guard::addresses`], or the last address' failure.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
        for address in self.addresses(host, port).await? {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer"),
            }
        }
        Err(last)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = plain(name.as_str());
            let found = match guard.proxies.contains(&host) {
                true => (guard.lookup)(host, 0).await?,
                false => guard.addresses(&host, 0).await?,
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A host as it is compared: `[::1]` and `Host.Example.` are `::1` and `host.example`.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

/// What to say of a host that may not be asked.
pub fn refusal(host: &str) -> String {
    format!(
        "{host} is this server or an address of the internal network: the server fetches from there only if \
         an administrator adds the host to private_hosts"
    )
}

/// Whether the environment's proxies are asked for URLs of this scheme and host, as git sees it.
pub fn is_proxied(scheme: &str, host: &str) -> bool {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let own: &[&str] = match scheme {
        "http" => &["http_proxy", "all_proxy", "ALL_PROXY"],
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => return false,
    };
    let except = variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default();
    own.iter().any(|name| variable(name).is_some()) && !is_excepted(&except, host)
}

/// Whether `no_proxy` names a host, itself or by a domain that it is in.
fn is_excepted(except: &str, host: &str) -> bool {
    let host = plain(host);
    except.split([',', ' ']).map(|part| plain(part.trim())).filter(|part| !part.is_empty()).any(|part| {
        let domain = part.trim_start_matches("*.").trim_start_matches('.');
        part == "*" || host == domain || host.ends_with(&format!(".{domain}"))
    })
}

/// The hosts of the proxies that the environment names.
pub fn proxy_hosts() -> HashSet<String> {
    let names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let values = names.iter().filter_map(|name| std::env::var(name).ok());
    let hosts = values.filter_map(|value| {
        let url = url::Url::parse(&value).or_else(|_| url::Url::parse(&format!("http://{value}")));
        Some(url.ok()?.host_str()?.to_ascii_lowercase())
    });
    hosts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_our_own_network_are_internal_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001::1",
            "ff02::1",
            "fec0::1",
        ] {
            assert!(is_internal(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_not() {
        for text in [
            "1.1.1.1",
            "151.101.0.223",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a04:4e42::223",
            "64:ff9b::101:101",
            "2002:101:101::",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_internal(text.parse().unwrap()), "{text}");
        }
    }

    /// A name that means one thing when it is looked up first, and another one each time after.
    fn rebinding() -> (Lookup, Arc<std::sync::atomic::AtomicUsize>) {
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = asked.clone();
        let lookup = move |_: String, port: u16| -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let first = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            let address = if first { [198, 51, 100, 1] } else { [127, 0, 0, 1] };
            Box::pin(async move { Ok(vec![SocketAddr::from((address, port))]) })
        };
        (Arc::new(lookup), asked)
    }

    #[tokio::test]
    async fn a_name_that_changes_its_address_after_it_was_checked_is_not_connected_to() {
        let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inside.local_addr().unwrap().port();
        let (lookup, _) = rebinding();
        let guard = Guard::public().with_lookup(lookup);
        let checked = guard.addresses("evil.example", port).await.unwrap();
        assert_eq!(checked, [SocketAddr::from(([198, 51, 100, 1], port))]);
        let refused = guard.connect("evil.example", port).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{refused}");
        let connected = tokio::time::timeout(Duration::from_millis(1), inside.accept()).await;
        assert!(connected.is_err());
    }

    #[tokio::test]
    async fn only_what_an_administrator_named_is_open_of_the_internal_network() {
        let hosts = ["10.1.0.0/16", "127.0.0.1", "Git.Corp.Example."].map(str::to_owned);
        let everywhere = |_: String, port: u16| -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            Box::pin(async move { Ok(vec![SocketAddr::from(([10, 9, 9, 9], port))]) })
        };
        let guard = Guard::of(&hosts).with_lookup(Arc::new(everywhere));
        for host in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "git.corp.example", "8.8.8.8"] {
            assert!(guard.addresses(host, 1).await.is_ok(), "{host}");
        }
        for host in ["10.2.0.1", "127.0.0.2", "[::1]", "other.corp.example", "169.254.169.254"] {
            assert!(guard.addresses(host, 1).await.is_err(), "{host}");
        }
        assert!(Guard::public().addresses("127.0.0.1", 1).await.is_err());
    }

    #[test]
    fn the_exceptions_of_proxies_are_hosts_and_domains() {
        assert!(is_excepted("localhost, .corp.example", "git.corp.example"));
        assert!(is_excepted("corp.example", "corp.example") && is_excepted("*", "any"));
        assert!(!is_excepted("corp.example", "notcorp.example") && !is_excepted("", "any"));
    }
}

//! Which addresses may be asked: an upstream must not make us talk to our own network.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

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

/// Resolves names and lets through only addresses outside; the connection is made to exactly the
/// addresses that were checked, so a name cannot change its meaning in between.
pub struct Guard {
    /// Hosts of configured HTTP proxies, which may be inside.
    pub proxies: Arc<HashSet<String>>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let proxies = self.proxies.clone();
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if proxies.contains(&host) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let outside: Vec<_> = found.iter().copied().filter(|a| !is_internal(a.ip())).collect();
            if outside.is_empty() {
                return Err(refusal(&host).into());
            }
            Ok(Box::new(outside.into_iter()) as Addrs)
        })
    }
}

/// What to say of a host that may not be asked.
pub fn refusal(host: &str) -> String {
    format!(
        "{host} is an address of the internal network, and not the mirror's own host: \
         set mirror.allow_private_redirects if the upstream may send us there"
    )
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
}

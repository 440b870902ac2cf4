//! Where a request comes from, and how its sender names this server.
//!
//! Anybody can write `X-Forwarded-For`. Only what the proxies of `trusted_proxies` wrote is believed:
//! the lists are read from their end, which the nearest proxy wrote, up to the first address that is
//! no trusted proxy. This is the one place that reads such headers, and `Host`.

use crate::access::methods::proxy;
use crate::config::Config;
use crate::config::base_url::is_host;
use crate::config::networks::Network;
use http::{HeaderMap, HeaderName, Uri, header};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Once;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Proxies in a row; what stands further away is not looked at.
const HOPS: usize = 32;

/// What is known of a request's sender.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestSender {
    /// The client, or the last one on the way to it of whom a trusted proxy tells.
    pub client: SocketAddr,
    /// This server's root as the client sees it, without a slash at its end, where trusted proxies
    /// tell.
    pub outside: Option<Box<str>>,
}

/// Reads what the proxies say, if `peer` is one that may say it.
pub fn seen(config: &Config, headers: &HeaderMap, uri: &Uri, peer: SocketAddr) -> RequestSender {
    if !is_trusted(config, peer.ip()) {
        hint(config, headers, peer.ip());
        return RequestSender { client: peer, outside: None };
    }
    RequestSender {
        client: client(headers, peer, &config.trusted_proxies),
        outside: outside(config, headers, uri).map(String::into_boxed_str),
    }
}

/// Whether the other end of a connection is a proxy that may say where its requests come from.
pub fn is_trusted(config: &Config, peer: IpAddr) -> bool {
    config.trusted_proxies.iter().any(|network| network.contains(peer))
}

/// Drops what only trusted proxies may say of the user, unless `peer` is one that says it by itself.
pub fn drop_untrusted(config: &Config, headers: &mut HeaderMap, peer: IpAddr) {
    if headers.contains_key(proxy::HANDED_ON) || !is_trusted(config, peer) {
        proxy::drop_names(config, headers);
    }
}

/// The client's address. Two headers that contradict each other are both not believed: a proxy
/// writes one of them, and passes on the other as the client sent it.
fn client(headers: &HeaderMap, peer: SocketAddr, trusted: &[Network]) -> SocketAddr {
    let listed = |name: &HeaderName| headers.get_all(name).into_iter().rev().map(|value| value.as_bytes());
    let plain = listed(&FORWARDED_FOR).flat_map(|line| line.rsplit(|byte| *byte == b','));
    let plain = headers.contains_key(FORWARDED_FOR).then(|| furthest(plain.map(address), peer, trusted));
    let elements = listed(&header::FORWARDED).flat_map(elements);
    let forwarded = headers
        .contains_key(header::FORWARDED)
        .then(|| furthest(elements.map(|element| address(&parameter(element, "for")?)), peer, trusted));
    match (plain, forwarded) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => SocketAddr::new(address, 0),
        (None, None) => peer,
    }
}

/// Goes from proxy to proxy as long as they are trusted and readable.
fn furthest(hops: impl Iterator<Item = Option<IpAddr>>, peer: SocketAddr, trusted: &[Network]) -> IpAddr {
    let mut at = peer.ip().to_canonical();
    for hop in hops.take(HOPS) {
        if !trusted.iter().any(|network| network.contains(at)) {
            break;
        }
        let Some(next) = hop else { break };
        at = next;
    }
    at
}

/// `192.0.2.1`, `192.0.2.1:80`, `"[2001:db8::1]:80"`, `2001:db8::1`; not `unknown` and not `_hidden`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    let found = match bare {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    found.map(|address: IpAddr| address.to_canonical())
}

/// The elements of a `Forwarded` line, the last first; commas within quotes divide nothing. Read
/// from the end, so that a quote that the client left open swallows nothing of what our proxy wrote.
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.rsplit(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
}

/// The value of `name=value` in an element, without quotes.
fn parameter(element: &[u8], name: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(element).ok()?;
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)?;
    Some(value.trim().trim_matches('"').as_bytes().to_vec())
}

/// The root that the nearest proxy names: `X-Outside-Url` (devpi's), else scheme and host.
fn outside(config: &Config, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let last = |name: &str| headers.get_all(name).into_iter().next_back().and_then(|v| v.to_str().ok());
    if let Some(root) = last("x-outside-url").and_then(usable_root) {
        return Some(root);
    }
    let forwarded = headers.get_all(header::FORWARDED).into_iter().next_back();
    let nearest = forwarded.and_then(|line| elements(line.as_bytes()).next());
    let of_nearest = |name: &str| String::from_utf8(parameter(nearest?, name)?).ok();
    let end = |name: &str| last(name).and_then(|line| line.rsplit(',').next()).map(|v| v.trim().to_owned());
    let scheme = end("x-forwarded-proto").or_else(|| of_nearest("proto"));
    let scheme = scheme.filter(|scheme| matches!(scheme.as_str(), "http" | "https"));
    let host = end("x-forwarded-host").or_else(|| of_nearest("host")).filter(|host| is_host(host));
    if scheme.is_none() && host.is_none() {
        return None;
    }
    let host = host.or_else(|| written_host(headers, uri).filter(|host| is_host(host)).map(str::to_owned))?;
    Some(format!("{}://{host}", scheme.as_deref().unwrap_or(config.scheme())))
}

/// A root that can stand in a page and on a command line.
fn usable_root(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (host, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+".contains(&byte);
    let usable = matches!(scheme, "http" | "https") && is_host(host) && path.bytes().all(fits);
    usable.then(|| text.trim_end_matches('/').to_owned())
}

/// The server as the request's line or `Host` names it.
pub fn written_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(http::uri::Authority::as_str).or_else(host)
}

/// Tells the operator, once, what a proxy in front of us needs.
fn hint(config: &Config, headers: &HeaderMap, peer: IpAddr) {
    static TOLD: Once = Once::new();
    let speaks = || headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
    if config.trusted_proxies.is_empty() && speaks() {
        TOLD.call_once(|| {
            tracing::warn!(
                %peer,
                "a proxy sends X-Forwarded-For or Forwarded, but it is not in trusted_proxies, so all its \
                 clients count as one. If it is yours, add its address there"
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)], peer: &str) -> RequestSender {
        let trusted_proxies =
            ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network")).into();
        let config = Config { trusted_proxies, ..Config::default() };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        seen(&config, &headers, &Uri::from_static("/"), SocketAddr::new(peer.parse().expect("a peer"), 7))
    }

    fn client(lines: &[(&'static str, &str)]) -> String {
        read(lines, "127.0.0.1").client.ip().to_string()
    }

    fn root(lines: &[(&'static str, &str)]) -> Option<String> {
        read(lines, "10.0.0.1").outside.map(String::from)
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        for (line, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9, 10.0.0.4", "203.0.113.9"),
            ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
            ("10.9.9.9, 10.0.0.4", "10.9.9.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, fd00::7", "203.0.113.9"),
        ] {
            assert_eq!(client(&[("x-forwarded-for", line)]), expected, "{line}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(&two), "203.0.113.9");
    }

    #[test]
    fn forwarded_is_read_too() {
        for (line, expected) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("for=6.6.6.6, For=\"203.0.113.9:80\";proto=https;by=10.0.0.1", "203.0.113.9"),
            ("for=\"[2001:db8::1]:80\";host=\"a,b\"", "2001:db8::1"),
            ("for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
            ("for=6.6.6.6;x=\", for=203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(client(&[("forwarded", line)]), expected, "{line}");
        }
    }

    #[test]
    fn hostile_lines_name_nobody_else() {
        for line in
            ["", ",", "unknown", "_hidden", "6.6.6.6, ", "6.6.6.6, junk", "6.6.6.6, 1.2.3", "[::1", "'; --"]
        {
            assert_eq!(client(&[("x-forwarded-for", line)]), "127.0.0.1", "{line}");
        }
        for line in ["for", "for=", "for=6.6.6.6, for=unknown", "proto=https", "for=\"6.6.6.6", ";;;="] {
            let found = client(&[("forwarded", line)]);
            assert!(found == "127.0.0.1" || line == "for=\"6.6.6.6", "{line} {found}");
        }
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=6.6.6.6")];
        assert_eq!(client(&both), "127.0.0.1");
        let long = format!("6.6.6.6{}", ", 10.0.0.1".repeat(5000));
        assert_eq!(client(&[("x-forwarded-for", &long)]), "10.0.0.1");
    }

    #[test]
    fn who_is_no_trusted_proxy_is_the_client_whatever_it_says() {
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6;host=evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-outside-url", "https://evil.example"),
        ];
        let seen = read(&lines, "203.0.113.9");
        assert_eq!((seen.client.to_string().as_str(), seen.outside), ("203.0.113.9:7", None));
    }

    #[test]
    fn the_root_is_what_a_trusted_proxy_says() {
        let at = "pkg.example.org";
        for (lines, expected) in [
            (&[("host", at), ("x-forwarded-proto", "https")][..], Some("https://pkg.example.org")),
            (&[("host", "a:1"), ("x-forwarded-host", at)], Some("http://pkg.example.org")),
            (
                &[("forwarded", "for=1.1.1.1;proto=https;host=\"pkg.example.org:8\"")],
                Some("https://pkg.example.org:8"),
            ),
            (&[("x-outside-url", "https://pkg.example.org/ww/")], Some("https://pkg.example.org/ww")),
            (&[("host", at)], None),
            (&[("host", at), ("x-forwarded-proto", "javascript")], None),
            (&[("host", "a b"), ("x-forwarded-proto", "https")], None),
            (&[("x-forwarded-host", "a/b"), ("host", at)], None),
            (&[("x-outside-url", "https://a/\"><script>"), ("host", at)], None),
            (&[("x-outside-url", "https://u:p@a/"), ("host", at)], None),
        ] {
            assert_eq!(root(lines).as_deref(), expected, "{lines:?}");
        }
    }
}

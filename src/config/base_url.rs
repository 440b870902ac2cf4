//! Where a client sees this server's root: the one rule for every URL that must be absolute.

use super::Config;

/// What is known of it for one request, the most trustworthy first.
#[derive(Clone, Copy, Debug)]
pub struct BaseUrl<'a> {
    config: &'a Config,
    /// The root as a trusted proxy names it, without a slash at its end.
    by_proxy: Option<&'a str>,
    /// The authority that the client wrote (`Host`); unchecked, so nobody else gets it.
    host: Option<&'a str>,
}

impl<'a> BaseUrl<'a> {
    pub fn new(config: &'a Config, by_proxy: Option<&'a str>, host: Option<&'a str>) -> Self {
        Self { config, by_proxy, host }
    }

    /// Without a slash at its end: `public_url`, else what trusted proxies say, else what the request
    /// says. `None` where nothing of these is there.
    pub fn known(self) -> Option<String> {
        if let Some(url) = &self.config.public_url {
            return Some(url.as_str().trim_end_matches('/').to_owned());
        }
        if let Some(root) = self.by_proxy {
            return Some(root.to_owned());
        }
        let host = self.host.filter(|host| is_host(host))?;
        Some(format!("{}://{host}", self.config.scheme()))
    }

    /// The same, else where this server listens.
    pub fn root(self) -> String {
        self.known().unwrap_or_else(|| format!("{}://{}", self.config.scheme(), self.config.listen))
    }
}

/// Whether it consists of what a host's name and port consist of: it goes into pages and command lines.
pub fn is_host(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (1..=255).contains(&host.len()) && host.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_trustworthy_name_counts_and_an_odd_host_never() {
        let mut config = Config { listen: "127.0.0.1:3141".into(), ..Config::default() };
        let root = |config: &Config, by_proxy, host| BaseUrl::new(config, by_proxy, host).root();
        assert_eq!(root(&config, None, Some("pkg.example.org:8")), "http://pkg.example.org:8");
        let (long, odd) = ("a".repeat(256), ["", "a/b", "a\"><script>", "u@h", "a b", "a%b", "a,b"]);
        for host in odd.into_iter().chain([long.as_str()]) {
            assert_eq!(root(&config, None, Some(host)), "http://127.0.0.1:3141", "{host}");
            assert_eq!(BaseUrl::new(&config, None, Some(host)).known(), None, "{host}");
        }
        assert_eq!(root(&config, Some("https://a/ww"), Some("b")), "https://a/ww");
        config.public_url = "https://c/x/".parse().ok();
        assert_eq!(root(&config, Some("https://a/ww"), Some("b")), "https://c/x");
    }
}

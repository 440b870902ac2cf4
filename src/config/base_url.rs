//! The URL under which a client sees this server: the one rule for every absolute URL.

use super::Config;

/// Everything that one request says about that URL.
#[derive(Clone, Copy, Debug)]
pub struct BaseUrl<'a> {
    config: &'a Config,
    /// The root as a trusted proxy names it, without a slash at its end.
    by_proxy: Option<&'a str>,
    /// The authority that the client wrote (`Host`). It is not checked yet, so it stays private.
    host: Option<&'a str>,
}

impl<'a> BaseUrl<'a> {
    pub fn new(config: &'a Config, by_proxy: Option<&'a str>, host: Option<&'a str>) -> Self {
        Self { config, by_proxy, host }
    }

    /// `public_url`, else what a trusted proxy says, else the `Host` of the request, without a slash at the end.
    /// `None` if there is none of these.
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

    /// The same, else the address on which this server listens.
    pub fn root(self) -> String {
        self.known().unwrap_or_else(|| format!("{}://{}", self.config.scheme(), self.config.listen))
    }
}

/// Whether the text has only characters of host names and ports. It goes into pages and command lines.
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

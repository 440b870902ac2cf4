//! For whom an answer is: the same URL answers a page to people, JSON to scripts and the simple
//! API to installers.
//!
//! A handler with several audiences is one `match ctx.audience()`, beside its row in `routes`.

use http::{HeaderMap, header};

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// pip, uv and their like, by `User-Agent`, or whoever names a type of the simple API.
    Installer,
    /// The JSON API: devpi's client, curl, scripts.
    Script,
    /// A browser: takes `text/html` by name.
    Person,
}

/// First words of the `User-Agent` of clients that install packages.
const INSTALLERS: [&str; 13] = [
    "pip",
    "uv",
    "setuptools",
    "distribute",
    "poetry",
    "pdm",
    "unearth",
    "hatch",
    "pipenv",
    "pex",
    "pip-tools",
    "rye",
    "pixi",
];

impl Audience {
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = || headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let takes = |media_type: &str| accept().any(|value| value.contains(media_type));
        if is_installer(headers) || takes("application/vnd.pypi.simple") {
            Self::Installer
        } else if takes("text/html") && !takes("application/json") {
            Self::Person
        } else {
            Self::Script
        }
    }
}

/// Whether one of the products that the `User-Agent` names is an installer. devpi asks the same:
/// `setuptools` comes as `Python-urllib/3.12 setuptools/80.0`.
pub fn is_installer(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut products = agent.split(' ').filter_map(|product| product.split_once('/'));
    products.any(|(name, _)| INSTALLERS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(agent: &str, accept: &str) -> Audience {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, agent.parse().unwrap());
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Audience::of(&headers)
    }

    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36";

    #[test]
    fn a_browser_is_a_person_and_a_script_is_not() {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(of(BROWSER, accept), Audience::Person);
        assert_eq!(of(BROWSER, "application/json"), Audience::Script);
        assert_eq!(of("curl/8.5.0", "*/*"), Audience::Script);
        assert_eq!(of("devpi-client/7.2.0", "application/json"), Audience::Script);
    }

    #[test]
    fn an_installer_is_one_even_if_it_takes_html() {
        let pip = "application/vnd.pypi.simple.v1+json, text/html; q=0.01";
        assert_eq!(of("pip/26.3 {\"cpu\": \"x86_64\"}", pip), Audience::Installer);
        assert_eq!(of("pip/9.0.1 {}", "text/html"), Audience::Installer);
        assert_eq!(of("uv/0.13.8", pip), Audience::Installer);
        assert_eq!(of("Python-urllib/2.7 setuptools/0.6c11", "text/html"), Audience::Installer);
        assert_eq!(of("poetry/2.5.0 CPython/3.12", "*/*"), Audience::Installer);
        assert_eq!(of("python-httpx/0.28", "application/vnd.pypi.simple.v1+html"), Audience::Installer);
    }
}

//! URLs that may hold a secret: a user, a password, a token in the query. Shown, they are masked.

use std::fmt;
use std::str::FromStr;
use url::Url;

/// In place of a secret.
const MASK: &str = "****";

/// Parts of a query that are no secret.
const PLAIN: [&str; 2] = ["mode", "sslmode"];

/// A URL of which `Display` and `Debug` show no secret. Whoever needs the whole of it says so, by [`SecretUrl::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// With its secrets: to connect to it, to keep it, never to show it.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    pub fn host(&self) -> Option<&str> {
        self.0.host_str().filter(|host| !host.is_empty())
    }

    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// Without anything that may be a secret, and without fragment.
    pub fn plain(&self) -> Url {
        let mut url = self.0.clone();
        // Both fail only for URLs that cannot have credentials. The user of ssh is no secret.
        let _ = url.set_password(None);
        if !is_ssh(&url) {
            let _ = url.set_username("");
        }
        url.set_query(None);
        url.set_fragment(None);
        url
    }
}

impl From<Url> for SecretUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl FromStr for SecretUrl {
    type Err = url::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.cannot_be_a_base() {
            return write!(f, "{}:{MASK}", self.0.scheme());
        }
        let mut url = self.0.clone();
        let is_plain = url.username().is_empty() || is_ssh(&url);
        if !is_plain || url.password().is_some() {
            let _ = url.set_username(MASK);
            let _ = url.set_password(None);
        }
        let query = url.query().map(masked_query);
        url.set_query(query.as_deref());
        // Of what a fragment says, only this is meant to be seen.
        let fragment = url.fragment().map(masked_fragment);
        url.set_fragment(fragment.as_deref());
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The same as somebody wrote it, which may be no URL at all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// With its secrets.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", masked(&self.0))
    }
}

fn is_ssh(url: &Url) -> bool {
    matches!(url.scheme(), "ssh" | "git+ssh")
}

fn masked_query(query: &str) -> String {
    let shown = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if PLAIN.contains(&key) => pair.to_owned(),
        Some((key, _)) => format!("{key}={MASK}"),
        None if pair.is_empty() => String::new(),
        None => MASK.to_owned(),
    };
    query.split('&').map(shown).collect::<Vec<_>>().join("&")
}

fn masked_fragment(fragment: &str) -> String {
    let plain = ["egg", "subdirectory", "sha256", "sha384", "sha512", "md5"];
    let shown = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if plain.contains(&key) => pair.to_owned(),
        _ => MASK.to_owned(),
    };
    fragment.split('&').map(shown).collect::<Vec<_>>().join("&")
}

/// Text that should be a URL, for messages. What cannot be read as one is cut rather than shown.
pub fn masked(text: &str) -> String {
    if let Ok(url) = SecretUrl::from_str(text)
        && !url.0.cannot_be_a_base()
    {
        // Text that holds no secret is shown as it was written.
        let shown = url.to_string();
        return if shown == url.expose().as_str() { text.to_owned() } else { shown };
    }
    let (before, query) = text.split_once('?').map_or((text, ""), |(before, _)| (before, "?****"));
    let (scheme, rest) = before.split_once("://").map_or(("", before), |(scheme, rest)| (scheme, rest));
    // A password may hold a slash by mistake, so the last `@` counts. A version's (`repo@v1`) is cut too.
    let rest = rest.rsplit_once('@').map_or(rest.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{rest}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn user_password_and_query_of_a_url_are_masked() {
        for (url, shown) in [
            ("https://u:p@host.test/simple/", "https://****@host.test/simple/"),
            ("https://token@host.test/simple/", "https://****@host.test/simple/"),
            ("https://host.test/simple", "https://host.test/simple"),
            (
                "https://host.test/a.zip?sig=x&mode=rwc#sha256=ab",
                "https://host.test/a.zip?sig=****&mode=rwc#sha256=ab",
            ),
            ("https://host.test/?token", "https://host.test/?****"),
            ("git+ssh://git@host.test/x@v1", "git+ssh://git@host.test/x@v1"),
            ("ssh://git:pw@host.test/x", "ssh://****@host.test/x"),
            ("https://host.test/#access_token=x&egg=demo", "https://host.test/#****&egg=demo"),
            (
                "postgres://me:pw@h/db?host=/run&sslmode=require",
                "postgres://****@h/db?host=****&sslmode=require",
            ),
        ] {
            assert_eq!(masked(url), shown);
            if let Ok(url) = SecretUrl::from_str(url) {
                assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), format!("\"{shown}\"")));
            }
        }
    }

    #[test]
    fn what_is_no_url_shows_no_secret_either() {
        assert_eq!(masked("https://u:pa/ss@host.test/x?t=1"), "https://****@host.test/x?****");
        assert_eq!(masked("u:pass@ho st"), "****@ho st");
        assert_eq!(masked("https://u:p@ho st/"), "https://****@ho st/");
        assert_eq!(masked("not a url"), "not a url");
    }

    proptest! {
        /// Whatever it is: a secret in any of these places is nowhere in what is shown, also of what holds it.
        #[test]
        fn no_secret_of_a_url_is_ever_shown(
            scheme in "(https?|git\\+https|ssh|git\\+ssh|postgres|s3)",
            secret in "[A-Za-z0-9!$*+;_.~@%/ -]{12,30}",
            place in 0..5usize,
        ) {
            let encoded = percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC);
            // What stands behind a slash is no password to any reader, and the user of ssh is no secret.
            let raw = secret.replace('/', "_");
            let web = if scheme.contains("ssh") { "https" } else { &scheme };
            let texts = [
                format!("{scheme}://user:{encoded}@host.test/simple/"),
                format!("{web}://{encoded}:@host.test/simple/"),
                format!("{scheme}://host.test/simple/?token={encoded}&x=1"),
                format!("{scheme}://host.test/simple/#token={encoded}"),
                // As somebody writes it who knows nothing of percents.
                format!("{scheme}://user:{raw}@host.test/simple/"),
            ];
            let text = &texts[place];
            #[derive(Debug)]
            struct Holds { _url: Option<SecretUrl>, _text: SecretText }
            let url = SecretUrl::from_str(text).ok();
            let said = [
                masked(text),
                url.as_ref().map(ToString::to_string).unwrap_or_default(),
                format!("{:?}", Holds { _url: url.clone(), _text: SecretText::new(text) }),
                url.as_ref().map(|url| url.plain().to_string()).unwrap_or_default(),
            ];
            for said in said {
                prop_assert!(!said.contains(&secret) && !said.contains(&raw) && !said.contains(&encoded.to_string()), "{text} → {said}");
            }
        }

        /// What is shown and sent back can be told from what was kept, and means the same to everybody.
        #[test]
        fn masking_twice_changes_nothing(text in "https?://([a-z]{1,5}(:[a-z0-9]{0,5})?@)?[a-z]{1,9}\\.test/[a-z/]{0,9}(\\?[a-z=&0-9]{0,9})?(#[a-z=&]{0,9})?") {
            prop_assert_eq!(masked(&masked(&text)), masked(&text));
        }
    }
}

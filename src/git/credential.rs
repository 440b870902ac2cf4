//! Which credential of this server goes to which repository, and how git gets it: never by its command line.

use super::address::Address;
use crate::config::Config;
use crate::config::git::GitCredentialSettings;
use crate::names::IndexName;
use crate::tools::glob;
use base64::Engine as _;
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// All credentials that are configured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct GitCredentials(Arc<[Arc<GitCredential>]>);

/// One of them.
#[derive(Clone, Debug)]
pub struct GitCredential {
    below: Url,
    settings: GitCredentialSettings,
}

impl GitCredentials {
    pub fn of(config: &Config) -> Self {
        let all = config.git.credentials.values();
        let read = |settings: &GitCredentialSettings| {
            let below = Url::parse(&settings.url).ok()?;
            Some(Arc::new(GitCredential { below, settings: settings.clone() }))
        };
        Self(all.filter_map(read).collect())
    }

    /// The one for a repository that is watched for an index: the longest URL that it lies below. `of_root`: the
    /// watch may use all.
    pub fn find(&self, address: &Address, index: &IndexName, of_root: bool) -> Option<Arc<GitCredential>> {
        let url = address.url.expose();
        let may = |one: &&Arc<GitCredential>| {
            of_root || one.settings.indexes.iter().any(|pattern| glob::matches(pattern, index.as_str()))
        };
        let all = self.0.iter().filter(|one| one.covers(url)).filter(may);
        all.max_by_key(|one| one.below.path().len()).cloned()
    }
}

impl GitCredential {
    fn covers(&self, url: &Url) -> bool {
        let host = |url: &Url| url.host_str().map(str::to_ascii_lowercase);
        let port = |url: &Url| url.port_or_known_default().unwrap_or(22);
        let folder = self.below.path().trim_end_matches('/');
        let rest = url.path().strip_prefix(folder);
        self.below.scheme() == url.scheme()
            && host(&self.below) == host(url)
            && port(&self.below) == port(url)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// A setting of git that sends the token where it belongs.
    pub(super) fn header(&self) -> Option<(String, String)> {
        let token = self.settings.token.as_ref().filter(|_| self.below.scheme() != "ssh")?;
        let pair = format!("{}:{}", self.settings.user.as_deref().unwrap_or("git"), token.expose());
        let pair = base64::prelude::BASE64_STANDARD.encode(pair);
        Some((format!("http.{}.extraHeader", self.below), format!("Authorization: Basic {pair}")))
    }

    /// Options of ssh: this key and no other. Paths have no quotes.
    pub(super) fn ssh_options(&self) -> String {
        let mut options = String::from(" -F /dev/null");
        if let Some(key) = self.settings.ssh_key.as_deref().and_then(Path::to_str) {
            options.push_str(&format!(" -o IdentitiesOnly=yes -i '{key}'"));
        }
        if let Some(hosts) = self.settings.known_hosts.as_deref().and_then(Path::to_str) {
            options.push_str(&format!(" -o 'UserKnownHostsFile={hosts}'"));
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::git::GitToken;

    fn credentials(urls: &[&str], indexes: &[&str]) -> GitCredentials {
        let mut config = Config::default();
        for url in urls {
            let settings = GitCredentialSettings {
                url: (*url).to_owned(),
                token: Some(GitToken::new("t")),
                indexes: indexes.iter().map(|one| (*one).to_owned()).collect(),
                ..GitCredentialSettings::default()
            };
            config.git.credentials.insert((*url).to_owned(), settings);
        }
        GitCredentials::of(&config)
    }

    #[test]
    fn a_credential_goes_only_where_it_belongs_and_the_nearest_is_taken() {
        let all = credentials(
            &["https://git.example", "https://git.example/team", "ssh://git.example"],
            &["alice/*"],
        );
        let index = IndexName::parse("alice/dev").unwrap();
        let found = |text: &str| {
            let address = Address::parse(text).unwrap();
            all.find(&address, &index, false).map(|one| one.below.to_string())
        };
        assert_eq!(found("git+https://git.example/x").as_deref(), Some("https://git.example/"));
        assert_eq!(found("git+https://GIT.example/team/x").as_deref(), Some("https://git.example/team"));
        assert_eq!(found("git+https://git.example/teamwork/x").as_deref(), Some("https://git.example/"));
        assert_eq!(found("git+ssh://git@git.example/x").as_deref(), Some("ssh://git.example"));
        for other in
            ["git+http://git.example/x", "git+https://git.example:444/x", "git+https://git.example.org/x"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn only_watches_of_named_indexes_and_of_root_may_use_it() {
        let all = credentials(&["https://git.example"], &["alice/*"]);
        let address = Address::parse("git+https://git.example/x").unwrap();
        let may = |index: &str, root| all.find(&address, &IndexName::parse(index).unwrap(), root).is_some();
        assert!(may("alice/dev", false) && may("bob/dev", true) && !may("bob/dev", false));
        let nobody = credentials(&["https://git.example"], &[]);
        assert!(nobody.find(&address, &IndexName::parse("alice/dev").unwrap(), false).is_none());
    }
}

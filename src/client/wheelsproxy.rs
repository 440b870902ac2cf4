//! The wheels proxy: some indexes of a server for one target. Text in, text out, and the pages behind it.

use super::logins::Logins;
use super::{ServerClient, without_user};
use crate::bad;
use crate::config::secret_url::masked;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::packaging::{lines, reqfile, version};
use crate::words::OlderVersions;
use std::collections::BTreeMap;
use url::Url;

/// `http://HOST/v1/alice.dev+pypi/cp312-linux/` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    /// Ends in `/`; may hold a user and a password.
    pub root: Url,
    /// `alice.dev+pypi`
    pub indexes: String,
    /// `auto`, or a target's name, maybe abbreviated.
    pub target: String,
}

impl ProxyAddress {
    /// Reads the address that pip-reqs takes; the pages' own (`…/+simple/`) will do too.
    ///
    /// # Errors
    /// `Bad` if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            bad!(
                "{:?} is not the address of a wheels proxy: write http://HOST:PORT/v1/INDEXES/TARGET/, like \
                 http://127.0.0.1:3141/v1/alice.dev+pypi/cp312-linux/",
                masked(text)
            )
        };
        let mut root = Url::parse(text.trim()).map_err(|_| wrong())?;
        if !matches!(root.scheme(), "http" | "https") || root.host_str().is_none() {
            return Err(wrong());
        }
        let path = root.path().trim_end_matches('/').to_owned();
        let path = path.strip_suffix("/+simple").unwrap_or(&path);
        let (before, place) = path.rsplit_once("/v1/").ok_or_else(wrong)?;
        let (indexes, target) = place.split_once('/').ok_or_else(wrong)?;
        if indexes.is_empty() || target.is_empty() || target.contains('/') {
            return Err(wrong());
        }
        root.set_path(&format!("{before}/"));
        root.set_query(None);
        root.set_fragment(None);
        Ok(Self { root, indexes: indexes.to_owned(), target: target.to_owned() })
    }

    /// `v1/alice.dev+pypi/cp312-linux`, below the root.
    pub fn place(&self) -> String {
        format!("v1/{}/{}", self.indexes, self.target)
    }

    /// Of the pages for installers, without credentials.
    pub fn public_simple(&self) -> String {
        format!("{}{}/+simple/", without_user(&self.root), self.place())
    }

    /// Of the pages for installers, with user and password as they were given.
    pub fn simple(&self) -> String {
        format!("{}{}/+simple/", self.root, self.place())
    }
}

/// What an answer of `+compile/` says that it leaves out, and why.
pub fn left_out(answer: &str) -> impl Iterator<Item = &str> {
    answer.lines().filter_map(|line| line.strip_prefix("# Left out: "))
}

/// One server with the indexes and the target that are meant. Cheap to clone.
#[derive(Clone)]
pub struct WheelsProxy {
    pub server: ServerClient,
    pub address: ProxyAddress,
    /// Where the address says `auto`: the target of the Python at hand.
    pub target: String,
    token: Option<String>,
}

impl WheelsProxy {
    /// `auto` is who asks where the address says so: the target's name, and the `User-Agent` that tells of it.
    ///
    /// # Errors
    /// `Bad` if the address is none of a server.
    pub fn new(address: ProxyAddress, token: Option<String>, auto: Option<(String, String)>) -> Result<Self> {
        let token = token.filter(|token| !token.is_empty());
        let mut server = ServerClient::new(address.root.as_str(), token.as_deref())?;
        // Installers read what the address has and ~/.netrc themselves, but not our logins.
        let token = match (token, address.root.password()) {
            (None, None) => Logins::load()?.of(server.base()).map(|login| login.token.clone()),
            (token, _) => token,
        };
        let mut target = address.target.clone();
        if let Some((name, agent)) = auto {
            (server, target) = (server.with_agent(agent), name);
        }
        Ok(Self { server, address, target, token })
    }

    /// The wheels of an index (`user/index`) for a target, on a server that is known already.
    pub fn of(server: &ServerClient, index: &str, target: &str) -> Self {
        let (root, indexes, target) = (server.base().clone(), index.replacen('/', ".", 1), target.to_owned());
        let address = ProxyAddress { root, indexes, target: target.clone() };
        Self { server: server.clone(), address, target, token: None }
    }

    /// The pages for installers, with the credential that they need.
    pub fn index_url(&self) -> String {
        self.with_credential(&self.address.simple())
    }

    /// An address of this server with our credential in it; any other as it is.
    pub fn with_credential(&self, url: &str) -> String {
        let root = &self.address.root;
        let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
        let has_own = !parsed.username().is_empty() || parsed.password().is_some();
        if parsed.origin() != root.origin() || has_own {
            return url.to_owned();
        }
        let given = match (&self.token, root.password()) {
            (Some(token), _) => {
                parsed.set_username("__token__").and_then(|()| parsed.set_password(Some(token)))
            }
            (None, Some(password)) => {
                parsed.set_username(root.username()).and_then(|()| parsed.set_password(Some(password)))
            }
            (None, None) => return url.to_owned(),
        };
        if given.is_ok() { parsed.into() } else { url.to_owned() }
    }

    /// Requirements in, all that they need, pinned, out: a line each, with comments. `kept` are pins that stay where
    /// they fit. Constraints are no requirements: each is added only once what it limits turns out to be needed, and
    /// in another version.
    ///
    /// # Errors
    /// `Bad` with the resolver's explanation if there is no such set, or, with [`OlderVersions::Refuse`], if a required
    /// version is not in it because its build failed.
    pub async fn compile(
        &self,
        wanted: &[String],
        kept: &[String],
        constraints: &[Requirement],
        older: OlderVersions,
    ) -> Result<String> {
        // What a constraint forbids is not missed: while there are any, the server is asked what it could have built
        // only once they are all met.
        let at_first = if constraints.is_empty() { older } else { OlderVersions::Accept };
        let path = |older: OlderVersions| match older {
            OlderVersions::Refuse => format!("{}/+compile/", self.address.place()),
            OlderVersions::Accept => format!("{}/+compile/?older={older}", self.address.place()),
        };
        let preferred = kept.iter().map(|pin| format!("{}{pin}", lines::PREFER));
        let mut asked: Vec<String> = preferred.chain(wanted.iter().cloned()).collect();
        let mut open: Vec<&Requirement> = constraints.iter().collect();
        loop {
            let text = self.server.exchange(&path(at_first), &(asked.join("\n") + "\n")).await?;
            let chosen: BTreeMap<_, _> =
                reqfile::pins(&text).iter().filter_map(|line| reqfile::pin(line)).collect();
            let is_broken = |limit: &Requirement| {
                chosen.get(&limit.name).is_some_and(|version| !version::satisfies(&limit.specifiers, version))
            };
            let (broken, rest): (Vec<&Requirement>, Vec<&Requirement>) =
                open.into_iter().partition(|limit| is_broken(limit));
            if broken.is_empty() {
                if at_first != older {
                    let named: Vec<_> =
                        wanted.iter().filter_map(|line| Requirement::parse(line).ok()).collect();
                    let limits = rest.iter().filter(|limit| named.iter().any(|one| one.name == limit.name));
                    asked.extend(limits.map(ToString::to_string));
                    self.server.exchange(&path(older), &(asked.join("\n") + "\n")).await?;
                }
                return Ok(text);
            }
            asked.extend(broken.iter().map(ToString::to_string));
            open = rest;
        }
    }

    /// Pinned requirements in, a URL for each out, once all wheels are there.
    ///
    /// # Errors
    /// `Bad` with each line that has no wheel.
    pub async fn resolve(&self, pinned: &str) -> Result<String> {
        self.server.exchange(&format!("{}/+resolve/", self.address.place()), pinned).await
    }
}

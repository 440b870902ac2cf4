//! LDAP: whether a password opens the entry of a user, and which groups that entry is in.

use crate::bad;
use crate::config::auth::LdapSettings;
use crate::error::{Error, Result};
use crate::tools::panics;
use crate::{forbidden, unavailable};
use ldap3::{
    Ldap as Connection, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry,
    SearchOptions, dn_escape, ldap_escape,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use url::Url;

/// The source of accounts that LDAP vouches for.
pub const LDAP: &str = "ldap";

/// Connections at once.
const AT_ONCE: usize = 8;

/// Groups of one user that are read.
const MOST_GROUPS: i32 = 1000;

/// Bytes of a password; of servers that take more none is known.
const LONGEST: usize = 1024;

/// Result codes of RFC 4511 that say that somebody may not log in: noSuchObject, constraintViolation,
/// inappropriateAuthentication, invalidCredentials, insufficientAccessRights, unwillingToPerform.
const REFUSALS: [u32; 6] = [32, 19, 48, 49, 50, 53];

/// sizeLimitExceeded.
const MORE: u32 = 4;

/// The server that knows passwords.
pub struct Ldap {
    settings: LdapSettings,
    url: Url,
    connecting: LdapConnSettings,
    turns: Semaphore,
}

/// Who logged in.
#[derive(Debug, PartialEq, Eq)]
pub struct LdapEntry {
    pub dn: String,
    pub groups: BTreeSet<String>,
}

impl Ldap {
    /// `None` if it is not configured.
    ///
    /// # Errors
    /// `Bad` for settings that contradict each other.
    pub fn new(settings: &LdapSettings) -> Result<Option<Self>> {
        let Some(text) = &settings.url else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| url.has_host() && url.username().is_empty());
        let url = url.filter(|url| matches!(url.scheme(), "ldap" | "ldaps"));
        let url = url.ok_or_else(|| bad!("auth.ldap.url must be ldap://HOST:PORT or ldaps://HOST:PORT"))?;
        check(settings, &url)?;
        // The library asks for a default one when it makes its own settings.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut connecting = LdapConnSettings::new().set_starttls(settings.start_tls);
        if let Some(file) = &settings.ca {
            connecting = connecting.set_config(trusting(file)?);
        }
        let settings = settings.clone();
        Ok(Some(Self { settings, url, connecting, turns: Semaphore::new(AT_ONCE) }))
    }

    /// A place among those who ask at once.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(self.patience(), self.turns.acquire()).await {
            Ok(turn) => turn.map_err(Error::internal),
            Err(_) => Err(self.silent("it is busy")),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.timeout.max(1))
    }

    /// The entry of a user, if this is its password.
    ///
    /// # Errors
    /// `Unavailable` if the server does not answer, `Forbidden` for users who may not log in here.
    pub async fn check(&self, user: &str, password: &str) -> Result<Option<LdapEntry>> {
        // A bind with an empty password is one of nobody, and succeeds.
        if user.is_empty() || password.is_empty() || password.len() > LONGEST {
            return Ok(None);
        }
        let asking = panics::caught(self.ask(user, password));
        match tokio::time::timeout(self.patience(), asking).await {
            Ok(answer) => answer,
            Err(_) => Err(self.silent("it did not answer in time")),
        }
    }

    async fn ask(&self, user: &str, password: &str) -> Result<Option<LdapEntry>> {
        let connected = LdapConnAsync::from_url_with_settings(self.connecting.clone(), &self.url).await;
        let (connection, mut ldap) = connected.map_err(|error| self.failed(&error))?;
        // Ends with this function, whatever happens in it.
        let mut driving = JoinSet::new();
        driving.spawn(connection.drive());
        self.bind_own(&mut ldap).await?;
        let Some(dn) = self.dn_of(&mut ldap, user).await? else { return Ok(None) };
        let bound = ldap.simple_bind(&dn, password).await.map_err(|error| self.failed(&error))?;
        match bound.rc {
            0 => {}
            code if REFUSALS.contains(&code) => return Ok(None),
            _ => return Err(self.complains(&bound)),
        }
        self.bind_own(&mut ldap).await?;
        let groups = self.groups_of(&mut ldap, user, &dn).await?;
        let _ = ldap.unbind().await;
        match &self.settings.require_group {
            Some(group) if !groups.contains(group) => Err(forbidden!(
                "the user '{user}' is not in the LDAP group '{group}', whose members alone may log in: ask an \
                 administrator"
            )),
            _ => Ok(Some(LdapEntry { dn, groups })),
        }
    }

    /// Becomes who searches.
    async fn bind_own(&self, ldap: &mut Connection) -> Result<()> {
        let Some(dn) = &self.settings.bind_dn else { return Ok(()) };
        let password = self.settings.bind_password.as_deref().unwrap_or_default();
        let bound = ldap.simple_bind(dn, password).await.map_err(|error| self.failed(&error))?;
        match bound.rc {
            0 => Ok(()),
            code if REFUSALS.contains(&code) => {
                tracing::error!(server = %self.url, code, "LDAP refuses auth.ldap.bind_dn");
                Err(unavailable!(
                    "the LDAP server {} refuses this server: an administrator must correct auth.ldap.bind_dn and \
                     auth.ldap.bind_password. Tokens still work",
                    self.url
                ))
            }
            _ => Err(self.complains(&bound)),
        }
    }

    async fn dn_of(&self, ldap: &mut Connection, user: &str) -> Result<Option<String>> {
        if let Some(template) = &self.settings.user_dn {
            return Ok(Some(filled(template, &[("{user}", dn_escape(user))])));
        }
        let base = self.settings.user_base.as_deref().unwrap_or_default();
        let filter = filled(&self.settings.user_filter, &[("{user}", ldap_escape(user))]);
        // `1.1`: no attributes. A second entry is one too many.
        let (entries, more) = self.search(ldap, base, &filter, "1.1", 2).await?;
        match entries.as_slice() {
            [] => Ok(None),
            [entry] if !more => Ok(Some(entry.dn.clone())),
            _ => Err(forbidden!(
                "the LDAP server has more than one entry for the user '{user}': an administrator must make \
                 auth.ldap.user_filter or auth.ldap.user_base narrower"
            )),
        }
    }

    async fn groups_of(&self, ldap: &mut Connection, user: &str, dn: &str) -> Result<BTreeSet<String>> {
        let Some(base) = &self.settings.group_base else { return Ok(BTreeSet::new()) };
        let parts = [("{user}", ldap_escape(user)), ("{dn}", ldap_escape(dn))];
        let filter = filled(&self.settings.group_filter, &parts);
        let name = &self.settings.group_name;
        let (entries, more) = self.search(ldap, base, &filter, name, MOST_GROUPS).await?;
        if more {
            tracing::warn!(user, "LDAP has more groups of this user than the {MOST_GROUPS} that are read");
        }
        let named = |(attribute, values): (String, Vec<String>)| {
            if attribute.eq_ignore_ascii_case(name) { values } else { Vec::new() }
        };
        Ok(entries.into_iter().flat_map(|entry| entry.attrs).flat_map(named).collect())
    }

    /// What a search finds, and whether there is more.
    async fn search(
        &self,
        ldap: &mut Connection,
        base: &str,
        filter: &str,
        attribute: &str,
        most: i32,
    ) -> Result<(Vec<SearchEntry>, bool)> {
        let options = SearchOptions::new().sizelimit(most);
        let found = ldap.with_search_options(options).search(base, Scope::Subtree, filter, vec![attribute]);
        let found = found.await.map_err(|error| self.failed(&error))?;
        match found.1.rc {
            0 | MORE => Ok((found.0.into_iter().map(SearchEntry::construct).collect(), found.1.rc == MORE)),
            _ => Err(self.complains(&found.1)),
        }
    }

    fn silent(&self, why: &str) -> Error {
        tracing::warn!(server = %self.url, why, "the LDAP server does not answer");
        unavailable!(
            "the LDAP server {} does not answer: {why}. Try again later; tokens still work",
            self.url
        )
    }

    fn failed(&self, error: &LdapError) -> Error {
        match error {
            LdapError::FilterParsing => {
                tracing::error!(server = %self.url, "auth.ldap.user_filter or group_filter is not a filter");
                unavailable!(
                    "a filter in auth.ldap is not valid: an administrator must correct user_filter or \
                     group_filter. Tokens still work"
                )
            }
            other => self.silent(&other.to_string()),
        }
    }

    fn complains(&self, result: &LdapResult) -> Error {
        // What else it says is for its own administrators.
        tracing::warn!(server = %self.url, code = result.rc, text = result.text, "LDAP cannot answer");
        self.silent(&format!("it says result code {}", result.rc))
    }
}

fn check(settings: &LdapSettings, url: &Url) -> Result<()> {
    match (&settings.user_base, &settings.user_dn) {
        (None, None) => return Err(bad!("auth.ldap needs user_base or user_dn: set one of them")),
        (Some(_), Some(_)) => return Err(bad!("auth.ldap has user_base and user_dn: set only one of them")),
        (Some(_), None) if !settings.user_filter.contains("{user}") => {
            return Err(bad!("auth.ldap.user_filter must contain {{user}}"));
        }
        (None, Some(dn)) if !dn.contains("{user}") => {
            return Err(bad!("auth.ldap.user_dn must contain {{user}}"));
        }
        _ => {}
    }
    if settings.bind_dn.is_some() != settings.bind_password.is_some() {
        return Err(bad!(
            "auth.ldap.bind_dn and auth.ldap.bind_password belong together: set both or neither"
        ));
    }
    if settings.require_group.is_some() && settings.group_base.is_none() {
        return Err(bad!("auth.ldap.require_group needs auth.ldap.group_base: set it"));
    }
    if url.scheme() == "ldaps" && settings.start_tls {
        return Err(bad!("auth.ldap.start_tls is for ldap:// only: remove it, or change auth.ldap.url"));
    }
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "ldap" && !settings.start_tls && !here {
        tracing::warn!(server = %url, "passwords go to LDAP unencrypted: use ldaps:// or auth.ldap.start_tls");
    }
    Ok(())
}

/// Trusts the certificates in a file, and no others.
fn trusting(file: &Path) -> Result<Arc<rustls::ClientConfig>> {
    let unreadable =
        |error: &dyn std::fmt::Display| bad!("auth.ldap.ca: cannot use {}: {error}", file.display());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unreadable(&e))? {
        roots.add(certificate.map_err(|e| unreadable(&e))?).map_err(|e| unreadable(&e))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"it has no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// A template with its words replaced; what replaces one is not looked at again.
fn filled(template: &str, words: &[(&str, Cow<'_, str>)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    let next = |rest: &str| {
        let found = words.iter().filter_map(|(word, value)| Some((rest.find(word)?, *word, value)));
        found.min_by_key(|(at, _, _)| *at).map(|(at, word, value)| (at, word.len(), value.as_ref()))
    };
    while let Some((at, length, value)) = next(rest) {
        text.push_str(&rest[..at]);
        text.push_str(value);
        rest = &rest[at + length..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_types_stays_a_value() {
        let filter = |user: &str| filled("(&(uid={user})(mail={user}))", &[("{user}", ldap_escape(user))]);
        assert_eq!(filter("alice"), "(&(uid=alice)(mail=alice))");
        assert_eq!(filter("*)(uid=*"), "(&(uid=\\2a\\29\\28uid=\\2a)(mail=\\2a\\29\\28uid=\\2a))");
        let dn = |user: &str| filled("uid={user},ou=people", &[("{user}", dn_escape(user))]);
        assert_eq!(dn("a,ou=admins"), "uid=a\\2cou\\3dadmins,ou=people");
        let both = [("{user}", Cow::from("{dn}")), ("{dn}", Cow::from("x"))];
        assert_eq!(filled("{user}{dn}{other}", &both), "{dn}x{other}");
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let with = |change: fn(&mut LdapSettings)| {
            let mut settings = LdapSettings {
                url: Some("ldaps://ldap.example".into()),
                user_base: Some("ou=people".into()),
                ..LdapSettings::default()
            };
            change(&mut settings);
            Ldap::new(&settings).map(|ldap| ldap.is_some()).map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| {}), Ok(true));
        assert_eq!(with(|settings| settings.url = None), Ok(false));
        for (change, word) in [
            ((|s| s.url = Some("https://ldap.example".into())) as fn(&mut LdapSettings), "auth.ldap.url"),
            (|s| s.url = Some("ldap://user:pass@ldap.example".into()), "auth.ldap.url"),
            (|s| s.user_base = None, "user_base or user_dn"),
            (|s| s.user_dn = Some("uid={user}".into()), "only one"),
            (|s| s.user_filter = "(uid=alice)".into(), "{user}"),
            (|s| s.bind_dn = Some("cn=admin".into()), "bind_password"),
            (|s| s.require_group = Some("dev".into()), "group_base"),
            (|s| s.start_tls = true, "start_tls"),
            (|s| s.ca = Some("/nowhere/ca.pem".into()), "/nowhere/ca.pem"),
        ] {
            let refused = with(change).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }
}

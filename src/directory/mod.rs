//! The directory: every user, group and index of this installation in memory.
//!
//! Small, read on every request, replaced whole when an event says that something in it changed.

pub mod follow;
pub mod inheritance;
pub mod options;
pub mod reference;

use crate::config::secret_url::SecretUrl;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::IndexName;
use options::{Ahead, Options};
use std::collections::{BTreeMap, BTreeSet};

/// A snapshot; shared as `Arc<Directory>`.
#[derive(Debug, Default)]
pub struct Directory {
    /// Of the newest event that is in it.
    pub serial: i64,
    pub users: BTreeMap<String, User>,
    pub indexes: BTreeMap<IndexName, Index>,
    /// Anybody may create an account (setting `open_registration`).
    pub open_registration: bool,
}

impl Directory {
    /// # Errors
    /// `Missing` if there is none of that name, in devpi's words.
    pub fn index(&self, name: &IndexName) -> Result<&Index> {
        self.indexes.get(name).ok_or_else(|| no_index(name))
    }

    /// Reads all of it.
    pub async fn load(db: &Db) -> Result<Self> {
        // The serial first: what is committed meanwhile is read again when its event is seen.
        let serial = db.serial().await?;
        let mut users = BTreeMap::new();
        for account in db.accounts().await? {
            let disabled = account.disabled_at.is_some();
            let user = User {
                name: account.name.clone(),
                groups: BTreeSet::new(),
                roles: BTreeSet::new(),
                disabled,
            };
            users.insert(account.name, user);
        }
        for (group, account) in db.memberships().await? {
            if let Some(user) = users.get_mut(&account) {
                user.groups.insert(group);
            }
        }
        for (role, account) in db.roles().await? {
            if let Some(user) = users.get_mut(&account) {
                user.roles.insert(role);
            }
        }
        let mut indexes = BTreeMap::new();
        for stored in db.indexes().await? {
            let options: Options = serde_json::from_str(&stored.options).unwrap_or_default();
            if let Some(name) = IndexName::parse(&stored.name) {
                indexes.insert(name.clone(), options::read(&name, &options));
            }
        }
        Ok(Self { serial, users, indexes, open_registration: false })
    }
}

/// The answer for an index that is not there, or that looks so.
pub fn no_index(name: &IndexName) -> Error {
    missing!("The stage {name} could not be found.")
}

#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    /// ACLs name them; they give nothing else.
    pub groups: BTreeSet<String>,
    /// What root lets the user do beside: `builder`.
    pub roles: BTreeSet<String>,
    pub disabled: bool,
}

/// An index as configured. Options keep devpi's names (`devpi.md` §2) and CONTRACT.md's.
#[derive(Clone, Debug)]
pub struct Index {
    pub name: IndexName,
    pub kind: Kind,
    /// Principals: user names, `:group`, `:ANONYMOUS:`, `:AUTHENTICATED:`.
    pub acl_read: Vec<String>,
    pub acl_upload: Vec<String>,
    pub volatile: bool,
    pub title: Option<String>,
    pub description: Option<String>,
    pub building: Building,
    /// Every option that was set, as JSON shows it to those who may read the index.
    pub options: serde_json::Map<String, serde_json::Value>,
}

/// What an index asks the builder for without anybody waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Building {
    pub ahead: Ahead,
    /// Names of targets, `*` for any characters; empty: all that somebody builds for.
    pub targets: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Stage(Stage),
    Mirror(Mirror),
}

#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// In order; may name indexes that do not exist, and may form cycles.
    pub bases: Vec<IndexName>,
    /// Normalised names, or `*`.
    pub mirror_whitelist: Vec<String>,
    /// `union` instead of `intersection`.
    pub whitelist_union: bool,
    /// Name patterns (`acme-*`) that are never asked upstream, uploaded or not.
    pub reserved: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// `None`: the mirror has nothing to ask.
    pub url: Option<SecretUrl>,
    /// Who runs this server named the URL: it may be on the internal network.
    pub by_operator: bool,
    /// Seconds a page counts as fresh.
    pub cache_expiry: Option<u64>,
    /// Requirement-like patterns; empty `allow` allows all.
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    /// Seconds; files younger than this are not listed.
    pub min_age: Option<u64>,
    /// Link to the upstream's own page of a project, with `{name}`.
    pub web_url_fmt: Option<String>,
    /// The upstream's list of names is not usable.
    pub no_project_list: bool,
    /// Statuses beside 404 by which the upstream says that it has no such project.
    pub missing: Vec<u16>,
    /// Do not store files: redirect to the upstream.
    pub use_external_urls: bool,
}

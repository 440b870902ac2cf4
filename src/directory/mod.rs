//! The directory: every user, group and index of this installation in memory.
//!
//! Small, read on every request, replaced whole when an event says that something in it changed.

pub mod follow;
pub mod inheritance;
mod model;
pub mod options;
mod quarantine;
pub mod reference;

use crate::config::ReplicaSettings;
use crate::config::secret_url::SecretUrl;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::IndexName;
pub use model::{BuildAhead, Building, Index, IndexKind, KeepRules, Mirror, Stage, User};
use options::Options;
pub use quarantine::{Quarantine, Quarantines};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds for which a replica believes a page of the primary's mirrors: asking again is cheap, it did not change.
const FRESH_ON_REPLICA: u64 = 30;

/// A snapshot; shared as `Arc<Directory>`.
#[derive(Debug, Default)]
pub struct Directory {
    /// Of the newest event that is in it.
    pub serial: i64,
    pub users: BTreeMap<String, User>,
    pub indexes: BTreeMap<IndexName, Index>,
    /// What no index lists or serves.
    pub quarantines: Quarantines,
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
            let index = options::read(&stored.name, &options);
            indexes.insert(stored.name, index);
        }
        let quarantines = Quarantines::new(db.quarantines().await?);
        Ok(Self { serial, users, indexes, quarantines, open_registration: false })
    }

    /// On a replica: each mirror reads the primary's mirror of its name, by the replica's token.
    fn read_through(&mut self, replica: &ReplicaSettings) {
        for (name, index) in &mut self.indexes {
            let IndexKind::Mirror(mirror) = &mut index.kind else { continue };
            if let Some(url) = replica.mirror_url(name.user(), name.name()) {
                mirror.url = Some(SecretUrl::from(url));
                mirror.by_operator = true;
                mirror.cache_expiry = Some(FRESH_ON_REPLICA);
                mirror.no_project_list = false;
                mirror.missing.clear();
            }
        }
    }
}

/// The answer for an index that is not there, or that looks so.
pub fn no_index(name: &IndexName) -> Error {
    missing!("The stage {name} could not be found.")
}

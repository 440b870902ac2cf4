//! Accounts: who can be one, how they are made, changed, disabled, grouped and deleted.

use super::{COMMAND_LINE, builds, password};
use crate::db::accounts::Account;
use crate::db::events::NewEvent;
use crate::db::{Db, Tx};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::words::{EventKind, Role};
use crate::{bad, conflict, forbidden, missing};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// First path segments that mean something else.
const RESERVED: [&str; 7] = ["simple", "pypi", "legacy", "v1", "static", "packages", "integrity"];

/// What a person may say of themselves.
const PROFILE: [&str; 4] = ["email", "title", "description", "custom_data"];

/// The source of accounts that no password opens: programs use their tokens.
pub const SERVICE: &str = "service";

/// Sent back by clients that read, merge and write; never taken from them.
const IGNORED: [&str; 4] = ["created", "modified", "indexes", "username"];

/// devpi's rule for user and index names; `what` is `username` or `indexname`.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let allowed =
        |c: char| !c.is_control() && (!c.is_ascii() || c.is_ascii_alphanumeric() || "-.@_".contains(c));
    if name.is_empty() || matches!(name, "." | "..") || !name.chars().all(allowed) {
        return Err(bad!(
            "{what} '{name}' contains characters that aren't allowed. Any ascii symbol besides -.@_ is blocked."
        ));
    }
    if name.chars().count() > 128 {
        return Err(bad!("{what} '{name}' is longer than 128 characters"));
    }
    Ok(())
}

/// The rule for the name of a new account.
pub fn check_new_name(name: &str) -> Result<()> {
    check_name("username", name)?;
    match RESERVED.contains(&name) {
        true => Err(bad!("username '{name}' is reserved: choose another")),
        false => Ok(()),
    }
}

/// What a client sent for an account, sorted.
#[derive(Debug, Default)]
pub struct AccountChange {
    pub password: Option<String>,
    /// A hash made elsewhere (importers); only root may give it.
    pub password_hash: Option<String>,
    /// All groups to be in; only root may give them.
    pub groups: Option<BTreeSet<String>>,
    /// All roles to have; only root may give them.
    pub roles: Option<BTreeSet<Role>>,
    /// Only root may give it.
    pub disabled: Option<bool>,
    /// A new account that no password opens; only root makes one.
    pub service: bool,
    profile: Map<String, Value>,
}

impl AccountChange {
    pub fn from_json(given: Map<String, Value>) -> Result<Self> {
        let mut sorted = Self::default();
        let mut unknown = Vec::new();
        for (key, value) in given {
            match (key.as_str(), value) {
                ("password", Value::String(text)) => sorted.password = Some(text),
                ("password" | "pwhash", Value::Null) => {}
                ("pwhash", Value::String(text)) => sorted.password_hash = Some(text),
                ("groups", value) => sorted.groups = Some(groups(value)?),
                ("roles", value) => sorted.roles = Some(roles(value)?),
                ("disabled", Value::Bool(disabled)) => sorted.disabled = Some(disabled),
                ("service", Value::Bool(service)) => sorted.service = service,
                ("service", _) => return Err(bad!("service must be true or false")),
                ("disabled", _) => return Err(bad!("disabled must be true or false")),
                ("password" | "pwhash", _) => return Err(bad!("{key} must be text")),
                (key, value) if PROFILE.contains(&key) => drop(sorted.profile.insert(key.to_owned(), value)),
                (key, _) if IGNORED.contains(&key) => {}
                (key, _) => unknown.push(key.to_owned()),
            }
        }
        if unknown.is_empty() {
            return Ok(sorted);
        }
        Err(bad!("Unknown keys in user config: {}", unknown.join(", ")))
    }

    async fn hash(&self) -> Result<Option<String>> {
        match (&self.password, &self.password_hash) {
            (Some(password), _) => password::hash(password).await.map(Some),
            (None, Some(hash)) if password::is_hash(hash) => Ok(Some(hash.clone())),
            (None, Some(_)) => Err(bad!("pwhash must be an argon2 hash in PHC form ($argon2id$…)")),
            (None, None) => Ok(None),
        }
    }
}

fn groups(value: Value) -> Result<BTreeSet<String>> {
    let names: BTreeSet<String> =
        serde_json::from_value(value).map_err(|_| bad!("groups must be a list of names"))?;
    names.iter().try_for_each(|name| check_group(name))?;
    Ok(names)
}

/// A group is none of the words that ACLs write alike.
pub fn check_group(name: &str) -> Result<()> {
    check_name("groupname", name)?;
    match ["ANONYMOUS", "AUTHENTICATED"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
        true => Err(bad!("groupname '{name}' is reserved: choose another")),
        false => Ok(()),
    }
}

fn roles(value: Value) -> Result<BTreeSet<Role>> {
    let names: BTreeSet<String> =
        serde_json::from_value(value).map_err(|_| bad!("roles must be a list of names"))?;
    names.iter().map(|name| role_named(name)).collect()
}

pub fn role_named(name: &str) -> Result<Role> {
    Role::parse(name).ok_or_else(|| bad!("unknown role '{name}': use {}", Role::Builder))
}

/// The profile of an account as a JSON object.
pub fn profile(account: &Account) -> Map<String, Value> {
    serde_json::from_str(&account.profile).unwrap_or_default()
}

fn merged(mut profile: Map<String, Value>, given: &AccountChange) -> String {
    for (key, value) in &given.profile {
        if value.is_null() || value.as_str() == Some("") {
            profile.remove(key);
        } else {
            profile.insert(key.clone(), value.clone());
        }
    }
    Value::Object(profile).to_string()
}

/// An account as the audit log tells of it; nothing of one that does not exist. No hash, no secret.
async fn state(tx: &mut Tx, name: &str) -> Result<Value> {
    let Some(account) = tx.account(name).await? else { return Ok(Value::Null) };
    Ok(json!({
        "profile": profile(&account),
        "groups": tx.groups_of(name).await?,
        "roles": tx.roles_of(name).await?,
        "disabled": account.disabled_at.is_some(),
        "source": account.source,
    }))
}

fn event<'a>(who: &'a str, what: EventKind, detail: &'a str) -> NewEvent<'a> {
    NewEvent::of(who, what).saying(detail)
}

/// That there is no such account.
pub fn no_user(name: &str) -> Error {
    missing!("no user '{name}'")
}

/// Creates an account. `who` is for the audit trail.
pub async fn create(db: &Db, who: &str, name: &str, given: &AccountChange) -> Result<()> {
    check_new_name(name)?;
    let hash = match given.service {
        false => Some(given.hash().await?.ok_or_else(|| bad!("password needs to be set"))?),
        true if given.password.is_some() || given.password_hash.is_some() => {
            return Err(bad!("a service account has no password: leave it out"));
        }
        true => None,
    };
    let mut tx = Tx::begin(db).await?;
    if tx.account(name).await?.is_some() {
        return Err(conflict!("user already exists"));
    }
    let (used, by_root) = (tx.account_was_used(name).await?, is_administrator(who));
    if used && !by_root {
        return Err(conflict!(
            "the user name '{name}' belonged to a deleted account: choose another name, or ask an \
             administrator"
        ));
    }
    // What lists still say of the name was meant for somebody else, or for nobody yet.
    if used || !by_root {
        revoke_grants(&mut tx, name).await?;
    }
    tx.create_account(name, hash.as_deref(), &merged(Map::new(), given)).await?;
    if given.service {
        tx.set_account_source(name, Some(SERVICE), None).await?;
    }
    if let Some(groups) = &given.groups {
        tx.set_groups(name, groups).await?;
    }
    if let Some(roles) = &given.roles {
        tx.set_roles(name, roles).await?;
    }
    let after = state(&mut tx, name).await?.to_string();
    tx.commit(event(who, EventKind::UserCreated, name).after(&after)).await?;
    Ok(())
}

/// Changes profile and password; a new password ends the account's login sessions.
pub async fn change(db: &Db, who: &str, name: &str, given: &AccountChange) -> Result<()> {
    let hash = given.hash().await?;
    let mut tx = Tx::begin(db).await?;
    let account = tx.account(name).await?.ok_or_else(|| no_user(name))?;
    let before = state(&mut tx, name).await?.to_string();
    let new_password = hash.is_some();
    tx.set_profile(name, &merged(profile(&account), given)).await?;
    if let Some(hash) = hash {
        // It would still open the account when the other place no longer does.
        if let Some(source) = &account.source {
            if source == SERVICE {
                return Err(forbidden!(
                    "'{name}' is a service account, which has tokens and no password: create a token, or let root run \
                     `wheelwright user source {name} none` first"
                ));
            }
            if !is_administrator(who) {
                return Err(forbidden!("the password of '{name}' is kept by {source}: change it there"));
            }
            tx.leave_source(name, source).await?;
        }
        tx.set_password(name, &hash).await?;
    }
    if let Some(groups) = &given.groups {
        tx.set_groups(name, groups).await?;
    }
    if let Some(roles) = &given.roles {
        tx.set_roles(name, roles).await?;
    }
    if let Some(disabled) = given.disabled {
        if name == "root" && disabled {
            return Err(forbidden!("root cannot be disabled"));
        }
        if disabled != account.disabled_at.is_some() {
            tx.set_disabled(name, disabled).await?;
        }
    }
    let mut after = state(&mut tx, name).await?;
    if new_password {
        after["password"] = "changed".into();
    }
    tx.commit(event(who, EventKind::UserChanged, name).before(&before).after(&after.to_string())).await?;
    Ok(())
}

/// Disables or enables: a disabled account keeps everything and can do nothing.
pub async fn disable(db: &Db, who: &str, name: &str, disabled: bool) -> Result<()> {
    if name == "root" && disabled {
        return Err(forbidden!("root cannot be disabled"));
    }
    let mut tx = Tx::begin(db).await?;
    tx.account(name).await?.ok_or_else(|| no_user(name))?;
    let before = state(&mut tx, name).await?.to_string();
    tx.set_disabled(name, disabled).await?;
    let after = state(&mut tx, name).await?.to_string();
    let what = if disabled { EventKind::UserDisabled } else { EventKind::UserEnabled };
    tx.commit(event(who, what, name).before(&before).after(&after)).await?;
    Ok(())
}

/// Whether a label of the audit trail is root's or the command line's.
fn is_administrator(label: &str) -> bool {
    label == COMMAND_LINE || builds::user_of_label(label) == Some("root")
}

/// Takes a name out of the lists of every index, and its indexes out of all bases, and ends its watches: what was
/// granted to one person is not for the next one of that name.
pub(super) async fn revoke_grants(tx: &mut Tx, name: &str) -> Result<()> {
    tx.delete_watches_of(name).await?;
    let own = format!("{name}/");
    for index in tx.all_indexes().await? {
        let mut options: Map<String, Value> = serde_json::from_str(&index.options).unwrap_or_default();
        let mut changed = false;
        for (key, value) in &mut options {
            let Some(list) = value.as_array_mut() else { continue };
            let before = list.len();
            if key.starts_with("acl_") {
                list.retain(|principal| principal.as_str() != Some(name));
            } else if key == "bases" && index.name.user() != name {
                let is_own = |base: &str| base.trim_start_matches('/').starts_with(&own);
                list.retain(|base| !base.as_str().is_some_and(is_own));
            }
            changed |= list.len() != before;
        }
        if changed {
            tx.set_index_options(&index.name, &Value::Object(options).to_string()).await?;
        }
    }
    Ok(())
}

/// Refuses to delete an account that has indexes, unless somebody insists.
///
/// # Errors
/// `Conflict` with their names.
pub fn refuse_with_indexes(directory: &Directory, name: &str) -> Result<()> {
    let own = directory.indexes.keys().filter(|index| index.user() == name);
    let own: Vec<&str> = own.map(IndexName::as_str).collect();
    match own.is_empty() {
        true => Ok(()),
        false => Err(conflict!(
            "user {name} has indexes: {}. Use --force to delete them with all their files",
            own.join(", ")
        )),
    }
}

/// Deletes an account with its tokens and indexes, unless one of those is not volatile, and with all
/// that others granted to it.
pub async fn delete(db: &Db, who: &str, name: &str) -> Result<()> {
    if name == "root" {
        return Err(forbidden!("root user cannot be deleted"));
    }
    let mut tx = Tx::begin(db).await?;
    tx.account(name).await?.ok_or_else(|| no_user(name))?;
    for index in tx.indexes_of(name).await? {
        let options: Map<String, Value> = serde_json::from_str(&index.options).unwrap_or_default();
        if options.get("volatile").and_then(Value::as_bool) == Some(false) {
            return Err(forbidden!("user '{name}' has non-volatile index: {}", index.name.name()));
        }
    }
    let before = state(&mut tx, name).await?.to_string();
    tx.delete_account(name).await?;
    revoke_grants(&mut tx, name).await?;
    tx.commit(event(who, EventKind::UserDeleted, name).before(&before)).await?;
    Ok(())
}

/// Puts an account into a group, or takes it out. Groups exist while they have members.
pub async fn group(db: &Db, who: &str, group: &str, name: &str, member: bool) -> Result<()> {
    // Leaving has no rule: old data may hold a name that is refused now.
    if member {
        check_group(group)?;
    }
    let mut tx = Tx::begin(db).await?;
    tx.account(name).await?.ok_or_else(|| no_user(name))?;
    let before = state(&mut tx, name).await?.to_string();
    if member {
        tx.join_group(group, name).await?;
    } else if !tx.leave_group(group, name).await? {
        return Err(missing!("{name} is not in group {group}"));
    }
    let detail = format!("{group} {name}");
    let after = state(&mut tx, name).await?.to_string();
    let what = if member { EventKind::GroupJoined } else { EventKind::GroupLeft };
    tx.commit(event(who, what, &detail).before(&before).after(&after)).await?;
    Ok(())
}

/// Gives an account a role, or takes it away.
pub async fn role(db: &Db, who: &str, role: Role, name: &str, has: bool) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    tx.account(name).await?.ok_or_else(|| no_user(name))?;
    let before = state(&mut tx, name).await?.to_string();
    if has {
        tx.give_role(role, name).await?;
    } else if !tx.take_role(role, name).await? {
        return Err(missing!("{name} does not have the role {role}"));
    }
    let detail = format!("{role} {name}");
    let after = state(&mut tx, name).await?.to_string();
    let what = if has { EventKind::RoleGiven } else { EventKind::RoleTaken };
    tx.commit(event(who, what, &detail).before(&before).after(&after)).await?;
    Ok(())
}

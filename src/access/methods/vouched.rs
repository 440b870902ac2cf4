//! Accounts that another place vouches for: found, made at the first login, with the groups that the place says.

use crate::access::accounts;
use crate::access::wrong_credential;
use crate::bad;
use crate::config::Config;
use crate::db::accounts::Account;
use crate::db::events::NewEvent;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::forbidden;
use crate::words::EventKind;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization as _;

use super::ldap::LDAP;

/// The source of those whom a trusted proxy names.
pub const PROXY: &str = "proxy";

/// What another place says of somebody, once it is proven that it does.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// `ldap`, `proxy` or `oidc:NAME`.
    pub source: &'a str,
    pub name: &'a str,
    /// What it calls them, whatever their name becomes.
    pub subject: Option<&'a str>,
    /// Those whose names are not ours are left out.
    pub groups: &'a BTreeSet<String>,
    /// Make the account if there is none.
    pub create: bool,
}

/// The name of their account, which has these groups of this place from now on.
///
/// # Errors
/// `Unauthenticated` for a disabled account; `Forbidden` for a name that another account has, or that cannot be one.
pub async fn account(db: &Db, given: &Vouched<'_>) -> Result<String> {
    if given.name == "root" {
        return Err(forbidden!("root logs in with the password of this server alone"));
    }
    let groups: BTreeSet<String> =
        given.groups.iter().filter(|group| accounts::check_group(group).is_ok()).cloned().collect();
    let account = match find(db, given).await? {
        Some(account) => account,
        None if !given.create => {
            return Err(forbidden!(
                "there is no account '{}': ask an administrator to create it",
                given.name
            ));
        }
        None => match create(db, given, &groups).await? {
            Some(name) => return Ok(name),
            // Another request of theirs was first.
            None => find(db, given).await?.ok_or_else(wrong_credential)?,
        },
    };
    check(&account, given)?;
    update(db, &account, given, &groups).await?;
    Ok(account.name)
}

async fn find(db: &Db, given: &Vouched<'_>) -> Result<Option<Account>> {
    if let Some(subject) = given.subject
        && let Some(account) = db.account_of(given.source, subject).await?
    {
        return Ok(Some(account));
    }
    db.account(given.name).await
}

/// Whether this place speaks for that account.
fn check(account: &Account, given: &Vouched<'_>) -> Result<()> {
    let (name, source) = (&account.name, given.source);
    if account.disabled_at.is_some() {
        return Err(wrong_credential());
    }
    if source == LDAP && name != given.name {
        return Err(forbidden!("the user name '{}' is an alias: log in as '{name}'", given.name));
    }
    let fits = match account.source.as_deref() {
        // Whoever trusts a proxy trusts it with every account.
        _ if source == PROXY => true,
        Some(known) => known == source && (source == LDAP || no_other(&account.subject, given.subject)),
        // Of people who were imported without a password, LDAP has it.
        None => source == LDAP && account.password_hash.is_none(),
    };
    if fits {
        return Ok(());
    }
    Err(forbidden!(
        "the account '{name}' does not belong to this login ({source}): log in with its \
         password, or ask an administrator to run `wheelwright user source {name} {source}`"
    ))
}

fn no_other(known: &Option<String>, given: Option<&str>) -> bool {
    known.is_none() || known.as_deref() == given
}

/// Writes only what changed: most logins change nothing.
async fn update(db: &Db, account: &Account, given: &Vouched<'_>, groups: &BTreeSet<String>) -> Result<()> {
    let (own, others): (Vec<_>, Vec<_>) = db
        .groups_of(&account.name)
        .await?
        .into_iter()
        .partition(|(_, source)| source.as_deref() == Some(given.source));
    let said = |group: &&String| !others.iter().any(|(other, _)| other == *group);
    let same = own.len() == groups.iter().filter(said).count()
        && own.iter().all(|(group, _)| groups.contains(group));
    let is_of_it = given.source == PROXY
        || account.source.as_deref() == Some(given.source) && account.subject.as_deref() == given.subject;
    if same && is_of_it {
        return Ok(());
    }
    let mut tx = Tx::begin(db).await?;
    // Nobody else was faster.
    check(&tx.account(&account.name).await?.ok_or_else(wrong_credential)?, given)?;
    if !is_of_it {
        tx.set_account_source(&account.name, Some(given.source), given.subject).await?;
    }
    tx.set_groups_from(&account.name, given.source, groups).await?;
    commit(tx, given, EventKind::UserChanged, &account.name).await
}

/// `None` if it is there by now.
async fn create(db: &Db, given: &Vouched<'_>, groups: &BTreeSet<String>) -> Result<Option<String>> {
    let name = given.name;
    accounts::check_new_name(name).map_err(|error| forbidden!("{error}"))?;
    // LDAP takes `Alice` and `ALICE` for alice: disabling the account of one of them must disable all.
    if given.source == LDAP && !is_canonical(name) {
        return Err(forbidden!(
            "the user name '{name}' must be in lower case, with letters, digits, '-', '.', '@' and '_' only: \
             log in as '{}'",
            name.to_lowercase()
        ));
    }
    let mut tx = Tx::begin(db).await?;
    if tx.account(name).await?.is_some() {
        return Ok(None);
    }
    if let Some(like) = tx.account_like(name).await? {
        return Err(forbidden!("there is an account '{like}' already: log in as '{like}'"));
    }
    if tx.account_was_used(name).await? {
        return Err(forbidden!(
            "the user name '{name}' belonged to a deleted account: ask an administrator to create it, and to \
             run `wheelwright user source {name} {}`",
            given.source
        ));
    }
    // People may choose their names at a provider: what lists say of one was meant for somebody else.
    if given.source.starts_with("oidc:") {
        accounts::revoke_grants(&mut tx, name).await?;
    }
    tx.create_account(name, None, "{}").await?;
    tx.set_account_source(name, Some(given.source), given.subject).await?;
    tx.set_groups_from(name, given.source, groups).await?;
    commit(tx, given, EventKind::UserCreated, name).await?;
    Ok(Some(name.to_owned()))
}

async fn commit(tx: Tx, given: &Vouched<'_>, what: EventKind, name: &str) -> Result<()> {
    let who = format!(":{}", given.source);
    tx.commit(NewEvent::of(&who, what).saying(name)).await?;
    Ok(())
}

fn is_canonical(name: &str) -> bool {
    let lower: String = name.to_lowercase().nfkc().collect();
    lower == name && name.chars().all(|c| c.is_alphanumeric() || "-.@_".contains(c))
}

/// The place that a word names: `ldap` or `oidc:NAME`; `None` for the word none.
///
/// # Errors
/// `Bad` if this server knows no such place.
pub fn source_named<'a>(config: &Config, word: &'a str) -> Result<Option<&'a str>> {
    let known = match word {
        "none" => return Ok(None),
        LDAP => true,
        other => other.strip_prefix("oidc:").is_some_and(|name| config.auth.oidc.contains_key(name)),
    };
    match known {
        true => Ok(Some(word)),
        false => Err(bad!(
            "'{word}' is not a way to log in: use ldap, none, or oidc:NAME of a section auth.oidc.NAME"
        )),
    }
}

/// Says who vouches for an account from now on, instead of its password; `None`: nobody does until it gets one.
pub async fn set_source(db: &Db, who: &str, name: &str, source: Option<&str>) -> Result<()> {
    if name == "root" {
        return Err(forbidden!("root logs in with the password of this server alone"));
    }
    let mut tx = Tx::begin(db).await?;
    let account = tx.account(name).await?.ok_or_else(|| crate::missing!("no user '{name}'"))?;
    if source == Some(accounts::SERVICE) {
        tx.end_sessions(name).await?;
    }
    if let Some(before) = &account.source {
        tx.leave_source(name, before).await?;
    }
    tx.set_account_source(name, source, None).await?;
    if source.is_some() {
        tx.forget_password(name).await?;
    }
    tx.commit(NewEvent::of(who, EventKind::UserChanged).saying(name)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_ldap_takes_for_one_name_have_one_canonical_form() {
        for name in ["alice", "a.b-c_d@e", "müller", "7"] {
            assert!(is_canonical(name), "{name}");
        }
        for name in ["Alice", "ａｌｉｃｅ", "a\u{ad}lice", "ali\u{200b}ce", "mu\u{308}ller", "alice "] {
            assert!(!is_canonical(name), "{name:?}");
        }
    }
}

//! Users of an export become accounts: with their passwords, profiles and dates.

use super::Import;
use super::dump::Object;
use super::times;
use crate::access::{COMMAND_LINE, accounts, password};
use crate::db::Tx;
use crate::db::accounts::Account;
use crate::db::events::NewEvent;
use crate::error::Result;
use crate::tools::time::Micros;
use crate::words::EventKind;
use serde_json::{Map, Value};

/// What an account has a place for; the dates and the password have their own.
const KNOWN: [&str; 8] =
    ["username", "pwhash", "pwsalt", "created", "modified", "indexes", "password", "acl_upload"];

impl Import<'_> {
    pub(super) async fn users(&mut self, users: Object) -> Result<()> {
        let count = users.len() as u64;
        for (done, (name, user)) in users.into_iter().enumerate() {
            (self.watch)("users", done as u64, count);
            let Value::Object(user) = user else {
                self.report.refuse(format!("user {name}"), "its entry in dataindex.json is not an object");
                continue;
            };
            match name.as_str() {
                "root" => self.root(&user).await?,
                _ => self.user(&name, user).await?,
            }
        }
        Ok(())
    }

    /// The account of root is this server's own; its password changes only if that was asked for.
    async fn root(&mut self, user: &Object) -> Result<()> {
        if !self.root_password {
            return Ok(());
        }
        let Some(hash) = hash_of(user) else {
            self.report.refuse("user root", "the export has no password hash of root that can be verified");
            return Ok(());
        };
        let known = self.to.db.account("root").await?.and_then(|root| root.password_hash);
        if self.to.dry_run || known.as_ref() == Some(&hash) {
            return Ok(());
        }
        let mut tx = Tx::begin(self.to.db).await?;
        tx.set_password("root", &hash).await?;
        tx.commit(NewEvent::of(COMMAND_LINE, EventKind::UserChanged).saying("root")).await?;
        self.report.note("user root", "has the password of the export now");
        Ok(())
    }

    async fn user(&mut self, name: &str, user: Object) -> Result<()> {
        let what = format!("user {name}");
        if let Err(why) = accounts::check_new_name(name) {
            self.report.refuse(what, why);
            return Ok(());
        }
        // One without a date is from before users had any.
        let created_at = user.get("created").and_then(times::any).unwrap_or(0);
        if let Some(known) = self.to.db.account(name).await? {
            self.users.insert(name.to_owned());
            self.known_user(what, &known, created_at);
            return Ok(());
        }
        let password_hash = hash_of(&user);
        if password_hash.is_none() {
            let why = match user.get("pwhash").and_then(Value::as_str).is_some_and(|hash| !hash.is_empty()) {
                true => "its password hash is of a kind that wheelwright cannot verify",
                false => "has no password",
            };
            self.report.note(&what, format!("{why}: set one with wheelwright user passwd {name}"));
        }
        let account = Account {
            name: name.to_owned(),
            password_hash,
            profile: self.profile(&what, &user),
            created_at,
            modified_at: user.get("modified").and_then(times::any),
            disabled_at: None,
            source: None,
            subject: None,
        };
        self.report.added.users += 1;
        self.users.insert(name.to_owned());
        if self.to.dry_run {
            return Ok(());
        }
        let mut tx = Tx::begin(self.to.db).await?;
        tx.put_account(&account).await?;
        tx.commit(NewEvent::of(COMMAND_LINE, EventKind::UserCreated).saying(name)).await?;
        Ok(())
    }

    /// The date of its creation tells whether an account came from this export: people change the rest.
    fn known_user(&mut self, what: String, known: &Account, created_at: Micros) {
        if known.created_at == created_at {
            self.report.present.users += 1;
        } else {
            self.report.refuse(
                what,
                "a user of this name exists and is not from this export: it stays as it is, with its password",
            );
        }
    }

    fn profile(&mut self, what: &str, user: &Object) -> String {
        let (mut profile, mut unknown) = (Map::new(), Vec::new());
        for (key, value) in user {
            match key.as_str() {
                "email" | "title" | "description" | "custom_data" if value.is_null() || *value == "" => {}
                "email" | "title" | "description" | "custom_data" => {
                    profile.insert(key.clone(), value.clone());
                }
                key if KNOWN.contains(&key) || value.is_null() => {}
                key => unknown.push(key),
            }
        }
        if !unknown.is_empty() {
            self.report.note(what, format!("these of its keys were left out: {}", unknown.join(", ")));
        }
        Value::Object(profile).to_string()
    }
}

/// The hash of a user's password as an account keeps it.
fn hash_of(user: &Object) -> Option<String> {
    let text = |key: &str| user.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let hash = match (text("pwhash")?, text("pwsalt")) {
        (hash, Some(salt)) => password::salted(salt, hash),
        (hash, None) => hash.to_owned(),
    };
    Some(hash).filter(|hash| password::is_hash(hash) || password::is_older(hash))
}

//! Watches are added, found, hurried and removed.

use super::decide::{Since, decide};
use super::look::after;
use super::{WatchRoom, Watches};
use crate::access::{self, COMMAND_LINE, Decision, Need, Who};
use crate::config::secret_url::masked;
use crate::config::units;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::watches::Watch;
use crate::error::Result;
use crate::git::Address;
use crate::names::IndexName;
use crate::packaging::release_tag::TagPattern;
use crate::tools::time::{SECOND, now};
use crate::words::{EventKind, TagState};
use crate::{bad, forbidden, missing};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Of one index.
const MOST: i64 = 1000;
/// Bytes of a URL.
const LONGEST_URL: usize = 2000;
/// Of one watch, and the bytes of a name.
const MOST_TARGETS: usize = 100;
const LONGEST_TARGET: usize = 200;
/// Seconds between two looks.
const SHORTEST: u64 = 5;
const LONGEST: u64 = 30 * 86_400;
/// A push hurries the next look, but not one right after the last.
const PAUSE: i64 = 2 * SECOND;

/// What a new watch is to be.
#[derive(Clone, Debug)]
pub struct NewWatch {
    pub index: IndexName,
    /// `git+https://HOST/REPO#subdirectory=DIR`
    pub url: String,
    pub pattern: Option<String>,
    pub targets: Vec<String>,
    /// Seconds; `None`: as configured.
    pub every: Option<u64>,
    pub since: Since,
}

impl Watches {
    /// Looks at a repository for the first time, and adds its watch with the tags that are there.
    ///
    /// # Errors
    /// `Bad` for what cannot be watched, `Forbidden` for an index to which `who` may not upload, and what the
    /// repository answers. Nothing is added then.
    pub async fn add(&self, who: &Who, new: NewWatch) -> Result<Watch> {
        self.0.may_upload(who, &new.index)?;
        let address = address(who, &new.url)?;
        let pattern = TagPattern::parse(new.pattern.as_deref().unwrap_or("v{version}"))?;
        let every = new.every.unwrap_or(self.0.settings.every);
        if !(SHORTEST..=LONGEST).contains(&every) {
            let [shortest, longest] = [SHORTEST, LONGEST].map(units::show_seconds);
            return Err(bad!("the time between two looks must be from {shortest} to {longest}"));
        }
        let odd = |name: &String| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            name.is_empty() || name.len() > LONGEST_TARGET || !name.chars().all(plain)
        };
        if new.targets.len() > MOST_TARGETS || new.targets.iter().any(odd) {
            return Err(bad!("name at most {MOST_TARGETS} targets, like cp312 or cp27-linux"));
        }
        let at = now();
        let mut watch = Watch {
            id: 0,
            index: new.index,
            url: named(&address),
            pattern: pattern.to_string(),
            targets: new.targets,
            every: i64::try_from(every).unwrap_or(i64::MAX),
            since: new.since.to_string(),
            owner: who.user.clone().unwrap_or_default(),
            by_operator: who.label == COMMAND_LINE,
            secret: BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
            created_by: who.label.clone(),
            created_at: at,
            looked_at: at,
            next_at: 0,
            failures: 0,
            error: None,
        };
        let turn = self.0.adding.take(&who.asker().unwrap_or_default()).await?;
        let slot = self.0.slots.acquire().await;
        let listed = self.0.tags(&watch, &address).await?;
        drop((slot, turn));
        let mut tx = Tx::begin(&self.0.db).await?;
        if tx.index_options(&watch.index).await?.is_none() {
            return Err(missing!("index {} does not exist", watch.index));
        }
        watch.id = tx.serial;
        watch.next_at = after(&watch, at);
        let tags = decide((watch.id, at), &pattern, &[], &listed, Some(&new.since)).new;
        tx.create_watch(&watch, &tags, MOST).await?;
        let detail = format!("{} of {}", watch.id, watch.url);
        let after = serde_json::json!({"tags": watch.pattern, "targets": watch.targets}).to_string();
        let event = NewEvent::of(&who.label, EventKind::WatchAdded).on(&watch.index).saying(&detail);
        tx.commit(event.after(&after)).await?;
        Ok(watch)
    }

    /// All watches, or those of an index.
    pub async fn list(&self, index: Option<&IndexName>) -> Result<Vec<Watch>> {
        self.0.db.watches(index).await
    }

    /// # Errors
    /// `Missing` if there is none with this number.
    pub async fn get(&self, id: i64) -> Result<Watch> {
        self.0.db.watch(id).await?.ok_or_else(|| no_watch(id))
    }

    /// Removes a watch with what is known of its tags. Releases stay.
    pub async fn remove(&self, who: &Who, watch: &Watch) -> Result<()> {
        let mut tx = Tx::begin(&self.0.db).await?;
        if !tx.delete_watch(watch.id).await? {
            return Err(no_watch(watch.id));
        }
        let detail = format!("{} of {}", watch.id, watch.url);
        tx.commit(NewEvent::of(&who.label, EventKind::WatchRemoved).on(&watch.index).saying(&detail)).await?;
        Ok(())
    }

    /// Makes the next look due now, by request of the repository's host: not right after the last one.
    pub async fn hurry(&self, watch: &Watch) -> Result<()> {
        self.0.db.hurry_watch(watch.id, now().max(watch.looked_at + PAUSE)).await
    }

    /// Makes the next look due now, and has tags that failed built again.
    pub async fn look_now(&self, watch: &Watch) -> Result<()> {
        for mut tag in self.0.db.watched_tags(watch.id).await? {
            if tag.state == TagState::Failed {
                (tag.state, tag.reason, tag.at) = (TagState::Waiting, None, now());
                self.0.db.tag_became(TagState::Failed, &tag).await?;
            }
        }
        self.0.db.hurry_watch(watch.id, now()).await
    }

    /// Whether `who` may change the watches of an index.
    ///
    /// # Errors
    /// As [`Watches::add`].
    pub fn may_change(&self, who: &Who, index: &IndexName) -> Result<()> {
        self.0.may_upload(who, index)
    }
}

impl WatchRoom {
    /// Whoever may upload every project there.
    pub(super) fn may_upload(&self, who: &Who, index: &IndexName) -> Result<()> {
        let directory = self.queue.indexes().directory();
        match access::decide(&directory, who, Need::Upload, Some(index), None, None) {
            Decision::Allowed => {}
            Decision::Refused => {
                return Err(forbidden!(
                    "{} is not allowed to do this: to watch a repository for {index}, you need permission to upload \
                     there",
                    who.label
                ));
            }
            _ => return Err(missing!("index {index} does not exist, or you may not read it")),
        }
        if who.scope.as_ref().is_some_and(|scope| scope.project.is_some()) {
            return Err(forbidden!(
                "{} is not allowed to do this: use a token that is not limited to one project",
                who.label
            ));
        }
        match directory.indexes.get(index).is_some_and(|index| index.is_stage()) {
            true => Ok(()),
            false => Err(bad!("{index} is a mirror: watch repositories for an index that takes uploads")),
        }
    }
}

/// The repository of a new watch.
fn address(who: &Who, text: &str) -> Result<Address> {
    if text.len() > LONGEST_URL {
        return Err(bad!("the URL is longer than {LONGEST_URL} bytes"));
    }
    let address = Address::parse(text)?;
    let shown = masked(text);
    if address.has_secret() || address.has_query() {
        return Err(bad!(
            "{shown} contains a password or a token, which the server would store: write the URL without it, and set \
             git.credentials in the configuration"
        ));
    }
    if let Some(reference) = &address.reference {
        return Err(bad!("{shown} names {reference}: write the URL without it, and the tags as a pattern"));
    }
    if address.host().is_none() && who.label != COMMAND_LINE {
        return Err(bad!(
            "a server does not watch repositories on its own disk: use git+https or git+ssh, or run \
             `wheelwright watch add` beside the data folder"
        ));
    }
    Ok(address)
}

/// The address as it is kept: with the project that it names.
fn named(address: &Address) -> String {
    let text = address.to_string();
    match &address.project {
        None => text,
        Some(project) if text.contains('#') => format!("{text}&egg={project}"),
        Some(project) => format!("{text}#egg={project}"),
    }
}

fn no_watch(id: i64) -> crate::error::Error {
    missing!("watch {id} does not exist")
}

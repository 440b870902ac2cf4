//! Following: a first copy of everything, then what changed, for ever.

use super::contact::path;
use super::primary::{Changes, ProjectList, Reached, WAIT};
use super::{OF, ProjectKey, Replica, ReplicaRoom, SERIAL, WAITING};
use crate::conflict;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{SECOND, now};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Projects that are taken at once.
const AT_ONCE: usize = 4;

/// Microseconds between two tries at a project whose bytes were wrong.
const AGAIN: i64 = 30 * SECOND;

/// Between two tries while the primary does not answer.
const PAUSE: Duration = Duration::from_secs(1);

impl Replica {
    /// Makes sure that this installation is a replica of the configured primary, or may become one: a new one takes
    /// accounts and indexes before it answers anybody.
    ///
    /// # Errors
    /// `Conflict` if it has data of its own, or is the replica of another primary; what the primary says.
    pub async fn begin(&self) -> Result<()> {
        let room = &self.0;
        let primary = room.primary.shown();
        let known = room.db.fact(OF).await?;
        if known.is_none() && room.db.account("root").await?.is_some() {
            return Err(conflict!(
                "this data folder belongs to a server of its own: choose an empty one with --data to make a replica \
                 of {primary}"
            ));
        }
        match room.introduce().await {
            Ok(uuid) if uuid == room.indexes.uuid() => {
                return Err(conflict!("{primary} is this server itself: name its primary with --replica-of"));
            }
            Ok(uuid) if known.as_ref().is_some_and(|known| *known != uuid) => {
                return Err(conflict!(
                    "this data folder is a replica of another server than {primary}: choose an empty folder with \
                     --data"
                ));
            }
            // Noted first: a first copy that was broken off goes on.
            Ok(uuid) => room.db.set_fact(OF, &uuid).await?,
            // What is here is served, however long the primary is away.
            Err(why) if known.is_some() => tracing::warn!("{why}; serving what is here"),
            Err(why) => return Err(why),
        }
        match room.db.account("root").await? {
            Some(_) => Ok(()),
            None => room.take_directory().await,
        }
    }

    /// Follows the primary until this is the last one that knows of the replica.
    pub fn tend(&self) {
        let follower = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut failing = Failing::default();
            while let Some(room) = follower.upgrade() {
                let round = panics::caught(Box::pin(room.round())).await;
                room.seen.lock().error = round.as_ref().err().map(ToString::to_string);
                failing.note(&round, "cannot follow the primary");
                drop(room);
                if round.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
        if self.0.mirrored {
            tokio::spawn(super::mirrored::keep_up(Arc::downgrade(&self.0)));
        }
    }
}

/// Refuses what would change the data of a replica behind its primary's back.
///
/// # Errors
/// `Conflict`, with where to do it instead.
pub async fn refuse_on_replica(db: &Db) -> Result<()> {
    match db.fact(OF).await? {
        None => Ok(()),
        Some(_) => Err(conflict!(
            "this data folder is a replica, which only copies: run this command on its primary. If the primary is \
             gone for good, `wheelwright serve --promote` makes this folder a server of its own"
        )),
    }
}

/// Makes a replica a server of its own. Its serials go on where the primary's were.
///
/// # Errors
/// `Conflict` if it never had a whole copy.
pub async fn promote(db: &Db) -> Result<()> {
    if db.fact(OF).await?.is_none() {
        return Ok(());
    }
    let reached = db.fact(SERIAL).await?.as_deref().and_then(Reached::parse);
    let reached = reached.ok_or_else(|| {
        conflict!("this replica never had a whole copy of its primary: it cannot become a server of its own")
    })?;
    db.raise_serial(reached.serial).await?;
    tracing::info!("this data folder is a server of its own from now on");
    for fact in [OF, SERIAL, WAITING, super::mirrored::CURSOR] {
        db.forget_fact(fact).await?;
    }
    Ok(())
}

impl ReplicaRoom {
    /// The uuid of the primary.
    async fn introduce(&self) -> Result<String> {
        let path = self.changes(Duration::ZERO);
        let told: Result<Changes> = self.get(&path, Duration::from_secs(10)).await;
        match told {
            // Restored from a backup; who it is is known all the same.
            Err(Error::Conflict(_)) => {
                let list: ProjectList = self.get("/+replica/projects", Duration::from_secs(10)).await?;
                Ok(list.uuid)
            }
            told => Ok(told?.uuid),
        }
    }

    /// The question what changed since what is here.
    fn changes(&self, wait: Duration) -> String {
        let here = *self.reached.borrow();
        let (after, wait) = (here.serial.to_string(), wait.as_secs().to_string());
        let made_at = here.made_at.unwrap_or_default().to_string();
        path("/+replica/changes", &[("after", &after), ("made_at", &made_at), ("wait", &wait)])
    }

    async fn round(&self) -> Result<()> {
        if self.reached.borrow().serial == 0 {
            return self.copy_all().await;
        }
        // What is behind needs no wait.
        let wait = if self.primary.is_reachable() { WAIT } else { Duration::ZERO };
        let told: Result<Changes> = self.get(&self.changes(wait), wait + Duration::from_secs(10)).await;
        let changes = match told {
            Err(Error::Conflict(why)) => {
                tracing::warn!("{why}: copying everything again");
                return self.copy_all().await;
            }
            told => told?,
        };
        self.expect(&changes.uuid).await?;
        self.contacted(changes.newest);
        self.try_again().await?;
        if changes.directory {
            self.take_directory().await?;
        }
        self.take_projects(changes.projects.iter()).await?;
        self.reached(Reached { serial: changes.serial, made_at: changes.made_at }).await
    }

    /// Everything that stages have, and nothing else.
    async fn copy_all(&self) -> Result<()> {
        self.expect(&self.introduce().await?).await?;
        self.take_directory().await?;
        let (mut all, mut base) = (BTreeSet::new(), None);
        let mut from = (String::new(), String::new());
        loop {
            let path = path("/+replica/projects", &[("index", &from.0), ("project", &from.1)]);
            let list: ProjectList = self.get(&path, Duration::from_secs(60)).await?;
            self.expect(&list.uuid).await?;
            // What changes while this goes on has a later serial than the first part.
            base.get_or_insert(Reached { serial: list.serial, made_at: list.made_at });
            self.contacted(list.serial);
            self.take_projects(list.projects.iter()).await?;
            all.extend(list.projects);
            tracing::info!(projects = all.len(), "copied from the primary");
            match list.next {
                Some(next) => from = next,
                None => break,
            }
        }
        self.remove_others(&all).await?;
        self.reached(base.unwrap_or_default()).await
    }

    /// Removes the projects of stages that the primary does not have: taking them finds nothing.
    async fn remove_others(&self, all: &BTreeSet<(IndexName, ProjectName)>) -> Result<()> {
        let mut after = (String::new(), String::new());
        loop {
            let ours = self.db.projects_behind((&after.0, &after.1), 1000).await?;
            let Some((index, project)) = ours.last() else { return Ok(()) };
            after = (index.to_string(), project.to_string());
            let directory = self.indexes.directory();
            let is_other = |one: &&(IndexName, ProjectName)| {
                !all.contains(*one) && directory.indexes.get(&one.0).is_some_and(|index| index.is_stage())
            };
            self.take_projects(ours.iter().filter(is_other)).await?;
        }
    }

    async fn take_projects<'a>(
        &self,
        projects: impl Iterator<Item = &'a (IndexName, ProjectName)>,
    ) -> Result<()> {
        let take = |key: &'a ProjectKey| async move { (key, self.take_project(&key.0, &key.1).await) };
        let taking: Vec<_> = projects.map(take).collect();
        let mut taken = futures::stream::iter(taking).buffer_unordered(AT_ONCE);
        let before: Vec<ProjectKey> = self.waiting.lock().keys().cloned().collect();
        while let Some((key, outcome)) = taken.next().await {
            let mut waiting = self.waiting.lock();
            match outcome {
                Ok(()) => drop(waiting.remove(key)),
                // One project's bytes hold up no other.
                Err(Error::Lost(why)) => {
                    if waiting.insert(key.clone(), why.clone()).is_none() {
                        tracing::error!(index = %key.0, project = %key.1, why, "cannot take a project");
                    }
                }
                Err(why) => return Err(why),
            }
        }
        let waiting: Vec<ProjectKey> = self.waiting.lock().keys().cloned().collect();
        if waiting != before {
            let text = serde_json::to_string(&waiting).map_err(Error::internal)?;
            self.db.set_fact(WAITING, &text).await?;
        }
        Ok(())
    }

    /// Tries those again that wait for right bytes.
    async fn try_again(&self) -> Result<()> {
        let waiting: Vec<ProjectKey> = self.waiting.lock().keys().cloned().collect();
        let due = self.seen.lock().tried_at.is_none_or(|at| now() - at > AGAIN);
        if waiting.is_empty() || !due {
            return Ok(());
        }
        self.seen.lock().tried_at = Some(now());
        self.take_projects(waiting.iter()).await
    }

    /// Another server at the primary's URL would replace everything here.
    async fn expect(&self, uuid: &str) -> Result<()> {
        match self.db.fact(OF).await? {
            Some(known) if known != uuid => {
                Err(conflict!("another server answers at {}: nothing is taken from it", self.primary.shown()))
            }
            _ => Ok(()),
        }
    }

    fn contacted(&self, newest: i64) {
        let mut seen = self.seen.lock();
        seen.newest = newest;
        seen.contacted_at = Some(now());
    }

    async fn reached(&self, here: Reached) -> Result<()> {
        if here != *self.reached.borrow() {
            self.db.set_fact(SERIAL, &here.to_string()).await?;
            self.reached.send_replace(here);
        }
        let mut seen = self.seen.lock();
        if here.serial >= seen.newest && self.waiting.lock().is_empty() {
            seen.in_sync_at = Some(now());
        }
        Ok(())
    }
}

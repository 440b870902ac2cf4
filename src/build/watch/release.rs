//! From a new tag to a release: a build for each target, all of them judged, all wheels published or none.

use super::WatchRoom;
use crate::access::{self, Decision, Need, Who};
use crate::build::publish::release::{ReleaseOutcome, release};
use crate::build::queue::{Ask, Priority, Wanted};
use crate::db::Tx;
use crate::db::builds::Build;
use crate::db::events::NewEvent;
use crate::db::watches::{Watch, WatchedTag};
use crate::error::{Error, Result};
use crate::git::Address;
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::version;
use crate::tools::panics;
use crate::tools::time::now;
use crate::words::{BuildState, Class, EventKind, Failure, TagState};
use std::collections::HashMap;

/// Bytes of a reason that are kept.
const LONGEST_REASON: usize = 2000;

/// What the builds of a tag came to.
enum Judged {
    Running,
    /// All have wheels of this project and of the tag's version.
    Well(ProjectName, Vec<i64>),
    Badly(String),
}

impl WatchRoom {
    /// Every tag gets a step further. One that cannot be dealt with now does not keep others waiting.
    pub(super) async fn go_on(&self) -> Result<()> {
        let mut watches: HashMap<i64, Option<Watch>> = HashMap::new();
        let open = self.db.open_tags().await?;
        self.told.lock().retain(|(id, name), _| open.iter().any(|tag| tag.watch == *id && tag.tag == *name));
        for tag in open {
            let watch = match watches.get(&tag.watch) {
                Some(known) => known.clone(),
                None => {
                    let found = self.db.watch(tag.watch).await?;
                    watches.insert(tag.watch, found.clone());
                    found
                }
            };
            let Some(watch) = watch else { continue };
            let (id, name) = (tag.watch, tag.tag.clone());
            match panics::caught(self.step(&watch, tag)).await {
                Ok(()) => drop(self.told.lock().remove(&(id, name))),
                Err(error) => {
                    let error = format!("{error:#}");
                    let before = self.told.lock().insert((id, name.clone()), error.clone());
                    if before.as_ref() != Some(&error) {
                        tracing::warn!(watch = id, tag = name, error, "cannot release a tag; retrying");
                    }
                }
            }
        }
        Ok(())
    }

    async fn step(&self, watch: &Watch, tag: WatchedTag) -> Result<()> {
        // Another process may have made the index a moment ago: no tag fails for what is not known here yet.
        self.queue.indexes().refresh().await?;
        match tag.state {
            TagState::Waiting => self.ask(watch, tag).await,
            _ => self.judge(watch, tag).await,
        }
    }

    /// Has a tag built, or what failed of it built again.
    async fn ask(&self, watch: &Watch, mut tag: WatchedTag) -> Result<()> {
        let who = Who::watch(watch.id, &watch.owner);
        let asked = match self.may_upload(&who, &watch.index) {
            Ok(()) if tag.builds.is_empty() => self.ask_for_all(&who, watch, &tag).await,
            Ok(()) => self.ask_again(&who, &tag).await,
            Err(refused) => Err(refused),
        };
        match asked {
            Ok(builds) => {
                (tag.state, tag.reason, tag.builds, tag.at) = (TagState::Building, None, builds, now());
                self.db.tag_became(TagState::Waiting, &tag).await?;
                Ok(())
            }
            Err(error) if error.is_withheld() || matches!(error, Error::Bad(_) | Error::Gone(_)) => {
                self.failed_to_release(watch, TagState::Waiting, tag, &error.to_string()).await
            }
            // It may go well another time: without workers, or with too many builds waiting.
            Err(error) => {
                let why = Some(error.to_string());
                if tag.reason != why {
                    tag.reason = why;
                    self.db.tag_became(TagState::Waiting, &tag).await?;
                }
                Err(error)
            }
        }
    }

    async fn ask_for_all(&self, who: &Who, watch: &Watch, tag: &WatchedTag) -> Result<Vec<i64>> {
        let address = Address::parse(&watch.url)?;
        let wanted = Wanted::Tag {
            url: address.at_tag(&tag.tag).to_string(),
            project: address.project,
            watch: watch.id,
            commit: tag.commit.clone(),
        };
        let ask = Ask {
            targets: watch.targets.clone(),
            ..Ask::wheels(wanted, watch.index.clone(), Priority::Asked)
        };
        let builds = self.queue.ask(who, &ask).await?;
        // The index's owner may see them, and what their logs say, before there is a release.
        for id in &builds {
            let owner = Some(watch.index.user());
            self.db.join_build(*id, Priority::Asked.number(), owner, None).await?;
        }
        Ok(builds)
    }

    async fn ask_again(&self, who: &Who, tag: &WatchedTag) -> Result<Vec<i64>> {
        let mut builds = Vec::with_capacity(tag.builds.len());
        for id in &tag.builds {
            builds.push(match self.queue.get(*id).await?.state {
                BuildState::Failed => self.queue.rebuild(who, *id).await?,
                _ => *id,
            });
        }
        Ok(builds)
    }

    async fn judge(&self, watch: &Watch, mut tag: WatchedTag) -> Result<()> {
        let mut builds = Vec::with_capacity(tag.builds.len());
        for id in &tag.builds {
            match self.queue.get(*id).await {
                Ok(build) => builds.push(build),
                Err(Error::Missing(why)) => {
                    return self.failed_to_release(watch, TagState::Building, tag, &why).await;
                }
                Err(error) => return Err(error),
            }
        }
        let (project, wheels) = match judged(&tag, &builds, watch.targets.is_empty()) {
            Judged::Running => return Ok(()),
            Judged::Badly(why) => return self.failed_to_release(watch, TagState::Building, tag, &why).await,
            Judged::Well(project, wheels) => (project, wheels),
        };
        let who = Who::watch(watch.id, &watch.owner);
        let directory = self.queue.indexes().directory();
        let name = Some(project.as_str());
        let decision = access::decide(&directory, &who, Need::Upload, Some(&watch.index), name, None);
        let index = directory.indexes.get(&watch.index).filter(|_| decision == Decision::Allowed);
        let Some(index) = index else {
            let why = format!("{} may not upload {project} to {} any more", watch.owner, watch.index);
            return self.failed_to_release(watch, TagState::Building, tag, &why).await;
        };
        let all = std::mem::replace(&mut tag.builds, wheels);
        (tag.state, tag.reason, tag.at) = (TagState::Published, None, now());
        let outcome = release(&self.db, self.queue.indexes(), &who, (index, &project), &tag).await?;
        match outcome {
            ReleaseOutcome::Published => {
                tracing::info!(watch = watch.id, tag = tag.tag, %project, index = %watch.index, "a tag is released");
                Ok(())
            }
            ReleaseOutcome::Ended => Ok(()),
            ReleaseOutcome::Refused(why) => {
                tag.builds = all;
                let why = format!("{} refused a wheel: {why}", watch.index);
                self.failed_to_release(watch, TagState::Building, tag, &why).await
            }
        }
    }

    async fn failed_to_release(
        &self,
        watch: &Watch,
        from: TagState,
        mut tag: WatchedTag,
        why: &str,
    ) -> Result<()> {
        let why: String = why.chars().take(LONGEST_REASON).collect();
        let detail = format!("{} of watch {}: {why}", tag.tag, watch.id);
        (tag.state, tag.reason, tag.at) = (TagState::Failed, Some(why), now());
        let mut tx = Tx::begin(&self.db).await?;
        if tx.tag_became(from, &tag).await? {
            let label = Who::watch(watch.id, &watch.owner).label;
            let event = NewEvent::of(&label, EventKind::ReleaseFailed).on(&watch.index);
            tx.commit(event.saying(&detail)).await?;
        }
        Ok(())
    }
}

/// What the builds of a tag came to. Of `every_target`, one that the project does not support is left out.
fn judged(tag: &WatchedTag, builds: &[Build], every_target: bool) -> Judged {
    if builds.iter().any(|build| !build.state.has_ended()) {
        return Judged::Running;
    }
    let unsupported = |build: &&Build| {
        every_target && build.failure.as_ref().is_some_and(|failure| failure.class == Class::RequiresPython)
    };
    let mut projects: Vec<ProjectName> = Vec::new();
    let mut wheels = Vec::new();
    for build in builds.iter().filter(|build| !unsupported(build)) {
        match wheel_of(tag, build) {
            Ok(project) => {
                wheels.push(build.id);
                if !projects.contains(&project) {
                    projects.push(project);
                }
            }
            Err(why) => return Judged::Badly(format!("build {} for {}: {why}", build.id, build.target)),
        }
    }
    match projects.as_slice() {
        [project] => Judged::Well(project.clone(), wheels),
        [] => Judged::Badly("no target that workers offer is one that the project supports".to_owned()),
        [a, b, ..] => Judged::Badly(format!("one tag gives wheels of two projects, {a} and {b}")),
    }
}

/// The project of a build's wheel, which must have the tag's version.
fn wheel_of(tag: &WatchedTag, build: &Build) -> Result<ProjectName, String> {
    let failed = || build.failure.as_ref().map_or_else(|| build.state.to_string(), Failure::in_short);
    let wheel = build.wheel.as_ref().filter(|_| build.state == BuildState::Built).ok_or_else(failed)?;
    let name = WheelFilename::parse(&wheel.filename).map_err(|error| error.to_string())?;
    let wanted = tag.version.as_deref().unwrap_or_default();
    match version::parse(wanted).as_ref() == Some(&name.version) {
        true => Ok(name.name),
        false => Err(format!(
            "the tag {} means version {wanted}, but its wheel has version {}: correct the version in the source and \
             make a new tag",
            tag.tag, name.version
        )),
    }
}

//! What is built again because a build requirement has a new version: the wheels of an index whose build used
//! another one.
//!
//! Which version a build used stands in its evidence. For each release and target the newest wheel counts, and the
//! new version is the newest that the requirement admits and the build's own context has for its target. The new
//! build is a row of its own, pinned to that version beside its recipe, so that the old wheel and what is known of it
//! stay until the set is published (`sets`).

use super::Queue;
use super::plan::key;
use super::wanted::{Ask, Priority, Upload, Wanted};
use crate::access::Who;
use crate::build::rebuild::LeftAlone;
use crate::build::target::Target;
use crate::build::tools::tools_for;
use crate::db::Tx;
use crate::db::builds::{Build, BuildId};
use crate::db::events::NewEvent;
use crate::db::sets::{BuiltRelease, NewMember};
use crate::error::{Error, Result};
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version};
use crate::words::{BuildState, EventKind};
use crate::{bad, missing};
use std::collections::{BTreeMap, HashMap};

/// Wheels of an index that are looked at.
const MOST_WHEELS: i64 = 100_000;
/// Builds of one set.
const MOST_MEMBERS: usize = 2000;

/// A wheel that is to be built again.
#[derive(Clone, Debug)]
pub struct Rippled {
    /// The build that made it.
    pub build: Build,
    pub target: Target,
    /// The version that it used.
    pub was: String,
    /// What it is to use: `numpy==2.5.0`.
    pub pin: String,
}

/// All that is to be built again, and what cannot.
#[derive(Clone, Debug, Default)]
pub struct Ripple {
    pub members: Vec<Rippled>,
    pub left_alone: Vec<LeftAlone>,
}

impl Queue {
    /// The wheels of an index that were built against another version than `because` means; of these targets, or of
    /// all.
    ///
    /// # Errors
    /// `Bad` for a requirement that means no version, `Missing` for unknown targets.
    pub async fn ripple(
        &self,
        who: &Who,
        index: &IndexName,
        because: &Requirement,
        targets: &[String],
    ) -> Result<Ripple> {
        if because.url.is_some() || because.marker.is_some() || !because.extras.is_empty() {
            return Err(bad!("{because} must be a name, with a version if need be: numpy==2.5"));
        }
        let only = match targets.is_empty() {
            true => None,
            false => Some(self.chosen_targets(targets).await?),
        };
        let offered = self.0.targets.with_cross().await?;
        let mut found = Ripple::default();
        let mut newest = NewestVersions { queue: self, who, because, known: HashMap::new() };
        for wheel in self.newest_wheels(index).await? {
            let is_meant = |all: &Vec<Target>| all.iter().any(|target| target.name == wheel.target);
            let Some(was) = used(&wheel, &because.name).filter(|_| only.as_ref().is_none_or(is_meant)) else {
                continue;
            };
            let target = offered.iter().find(|target| target.name == wheel.target);
            match newest.rippled(&wheel, &was, target).await {
                Ok(Some(rippled)) => found.members.push(rippled),
                Ok(None) => {}
                Err(Error::Missing(why)) => {
                    let BuiltRelease { project, version, target, .. } = wheel;
                    found.left_alone.push(LeftAlone { project, version, target, was, why });
                }
                Err(error) => return Err(error),
            }
        }
        if found.members.len() > MOST_MEMBERS {
            return Err(bad!(
                "{} wheels of {index} were built against another {}, and one set has at most {MOST_MEMBERS} builds: \
                 name targets",
                found.members.len(),
                because.name
            ));
        }
        Ok(found)
    }

    /// The newest wheel of each release and target.
    async fn newest_wheels(&self, index: &IndexName) -> Result<Vec<BuiltRelease>> {
        let mut newest = BTreeMap::new();
        for wheel in self.0.db.built_releases(index, MOST_WHEELS).await? {
            newest.insert((wheel.project.clone(), wheel.version.clone(), wheel.target.clone()), wheel);
        }
        Ok(newest.into_values().collect())
    }

    /// Starts the builds of a set; whether `who` may is the caller's to decide.
    ///
    /// # Errors
    /// `Busy` if `who` has too many builds waiting: those that began are joined when it is asked for again.
    pub async fn start_set(
        &self,
        who: &Who,
        index: &IndexName,
        (because, keep_going): (&Requirement, bool),
        members: &[Rippled],
    ) -> Result<i64> {
        let mut started = Vec::with_capacity(members.len());
        for member in members {
            let old = member.build.evidence.as_ref();
            started.push(NewMember {
                build: self.start_member(who, index, member).await?,
                replaces: member.build.id,
                was: member.was.clone(),
                doubted: old.is_some_and(|evidence| !evidence.doubts.is_empty()),
            });
        }
        let because = because.to_string();
        let mut tx = Tx::begin(&self.0.db).await?;
        let id = tx.serial;
        tx.create_set(index, (&because, keep_going), &who.label, &started).await?;
        let detail = format!("{} builds because of {because}", started.len());
        tx.commit(NewEvent::of(&who.label, EventKind::BuildAskedAgain).on(index).saying(&detail)).await?;
        self.prompt();
        // All of them may have been built for another set.
        self.settle().await?;
        Ok(id)
    }

    async fn start_member(&self, who: &Who, index: &IndexName, member: &Rippled) -> Result<BuildId> {
        let old = &member.build;
        let wanted = self.0.db.build_indexes(old.id).await?.iter().any(|(name, _)| name == index);
        let ask = Ask {
            publish: wanted.then(|| index.clone()),
            rebuild: true,
            ..Ask::wheels(Wanted::Upload(Upload::default()), index.clone(), Priority::Asked)
        };
        let mut row = Build {
            because: Some(member.pin.clone()),
            given: old.given,
            claim: old.claim.clone(),
            project: old.project.clone(),
            version: old.version.clone(),
            source_sha256: old.source_sha256.clone(),
            place: old.place.clone(),
            target: old.target.clone(),
            tools: tools_for(&member.target).name(),
            platform_expected: old.platform_expected,
            priority: ask.priority.number(),
            asked_by: who.label.clone(),
            ..Build::new(old.context.clone(), old.source.clone())
        };
        self.follow_recipe(&mut row, &member.target).await?;
        row.key = key(&row)?;
        if row.place.is_some() {
            row.state = BuildState::Fetching;
            row.source_sha256 = None;
        }
        self.enter(who, &ask, row).await
    }
}

/// The version of a project that a wheel's build used.
fn used(wheel: &BuiltRelease, project: &ProjectName) -> Option<String> {
    let all = wheel.evidence.requirements.iter();
    all.filter(|(name, _)| ProjectName::new(name).as_ref() == Some(project))
        .map(|(_, version)| version.clone())
        .next()
}

/// The newest version that contexts have for targets, each looked up once.
struct NewestVersions<'a> {
    queue: &'a Queue,
    who: &'a Who,
    because: &'a Requirement,
    known: HashMap<(BuildContext, String), Option<Version>>,
}

impl NewestVersions<'_> {
    /// `None` if the wheel was built against the version that is meant.
    ///
    /// # Errors
    /// `Missing` with the reason if it cannot be built again now.
    async fn rippled(
        &mut self,
        wheel: &BuiltRelease,
        was: &str,
        target: Option<&Target>,
    ) -> Result<Option<Rippled>> {
        let target = target.ok_or_else(|| missing!("no worker offers {} now", wheel.target))?;
        let build = self.queue.get(wheel.build).await?;
        let newest = self.newest(&build.context, target).await?;
        let newest = newest
            .ok_or_else(|| missing!("{} has no {} for {}", build.context, self.because, target.name))?;
        if version::parse(was).as_ref() == Some(&newest) {
            return Ok(None);
        }
        if build.place.is_none() && self.queue.0.db.is_source_gone(build.id).await? {
            return Err(missing!("the source of build {} is no longer on this server", build.id));
        }
        let pin = format!("{}=={newest}", self.because.name);
        Ok(Some(Rippled { build, target: target.clone(), was: was.to_owned(), pin }))
    }

    async fn newest(&mut self, context: &BuildContext, target: &Target) -> Result<Option<Version>> {
        let key = (context.clone(), target.name.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let found = match self.queue.context_page(self.who, context, &self.because.name).await {
            Ok((_, page)) => {
                let (chooser, specifiers) = (target.chooser(), &self.because.specifiers);
                let wheel = chooser.wheel(&page, specifiers).map(|found| found.version);
                let sdist = chooser.sdist(&page, specifiers).ok().map(|found| found.version);
                wheel.max(sdist)
            }
            Err(Error::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

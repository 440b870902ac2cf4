//! What is built again because a build requirement has a new version: the wheels of an index whose build used
//! another one.
//!
//! Which version a build used stands in its evidence. For each release and target the newest wheel counts, and the
//! new version is the newest that the requirement admits and the build's own context has for its target. The new
//! build is a row of its own, pinned to that version beside its recipe, so that the old wheel and what is known of it
//! stay until the set is published (`sets`). `begin` starts them.

use super::Queue;
use crate::access::Who;
use crate::access::builds::reads;
use crate::build::rebuild::LeftAlone;
use crate::build::target::Target;
use crate::db::builds::Build;
use crate::db::sets::BuiltRelease;
use crate::error::{Error, Result};
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version};
use crate::words::{Evidence, Failure};
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
            if !only.as_ref().is_none_or(is_meant) {
                continue;
            }
            let Some(evidence) = &wheel.evidence else {
                found.left_alone.push(self.unknown(who, wheel).await?);
                continue;
            };
            let Some(was) = used(evidence, &because.name) else { continue };
            let target = offered.iter().find(|target| target.name == wheel.target);
            match newest.rippled(&wheel, &was, target).await {
                Ok(Some(rippled)) => found.members.push(rippled),
                Ok(None) => {}
                Err(Error::Missing(why)) => {
                    let BuiltRelease { project, version, target, .. } = wheel;
                    found.left_alone.push(LeftAlone { project, version, target, was: Some(was), why });
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

    /// A wheel of which nobody knows any more what it was built against: evidence is of a build's last run.
    async fn unknown(&self, who: &Who, wheel: BuiltRelease) -> Result<LeftAlone> {
        let id = wheel.build;
        let why = match self.0.db.build(id).await? {
            None => format!("build {id}, which made it, is forgotten"),
            Some(build) if !build.state.has_ended() => {
                format!("build {id}, which made it, runs again: run the command again when it has ended")
            }
            Some(build) => {
                let known = reads(&self.0.indexes.directory(), who, build.context.indexes());
                let failure = build.failure.as_ref().filter(|_| known).map(Failure::in_short);
                let why = failure.map(|why| format!(" ({why})")).unwrap_or_default();
                format!("build {id}, which made it, ran again and failed{why}: mend that build first")
            }
        };
        let BuiltRelease { project, version, target, .. } = wheel;
        Ok(LeftAlone { project, version, target, was: None, why })
    }

    /// The newest wheel of each release and target.
    async fn newest_wheels(&self, index: &IndexName) -> Result<Vec<BuiltRelease>> {
        let mut newest = BTreeMap::new();
        for wheel in self.0.db.built_releases(index, MOST_WHEELS).await? {
            newest.insert((wheel.project.clone(), wheel.version.clone(), wheel.target.clone()), wheel);
        }
        Ok(newest.into_values().collect())
    }
}

/// The version of a project that a wheel's build used.
fn used(evidence: &Evidence, project: &ProjectName) -> Option<String> {
    let all = evidence.requirements.iter();
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
            Err(error) if error.is_withheld() => None,
            Err(error) => return Err(error),
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

//! Builds that are published together, or not at all.
//!
//! The builds of a set are ordinary ones, but `publish` holds their wheels back until the set releases them. When the
//! last has ended, the set is judged: if all went well, or `keep_going` was asked for, one transaction ends it and
//! gives indexes the wheels of those that went well. A server that stops before it is committed finds the set open:
//! sets whose builds have ended are looked for with everything else that is settled.
//!
//! A build went well if it has a wheel, used the version that it was pinned to, and has no doubts that the wheel it
//! replaces did not have. A wheel that the set's index refuses counts like a build that did not go well.

use super::Queue;
use crate::access::Who;
use crate::access::builds::reads;
use crate::build::publish::together::{Together, together};
use crate::build::rebuild::{RebuildView, RebuiltView};
use crate::db::sets::{BuildSet, SetMember};
use crate::directory::Directory;
use crate::error::Result;
use crate::missing;
use crate::names::{IndexName, ProjectName};
use crate::packaging::reqfile;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{BuildState, Failure, Moment};

impl Queue {
    /// Sets all of whose builds have ended are published, or withheld. What fails now is caught up with later.
    pub(super) async fn settle_sets(&self) -> Result<()> {
        for set in self.0.db.ended_sets().await? {
            if let Err(error) = self.settle_set(&set).await {
                let error = format!("{error:#}");
                tracing::warn!(set = set.id, error, "cannot publish a rebuild; retrying");
            }
        }
        Ok(())
    }

    async fn settle_set(&self, set: &BuildSet) -> Result<()> {
        let members = self.0.db.set_members(set.id).await?;
        let (well, badly): (Vec<_>, Vec<_>) = members.iter().partition(|member| trouble(member).is_none());
        let mut is_whole = badly.is_empty() || set.keeps_going();
        if is_whole {
            let well: Vec<i64> = well.iter().map(|member| member.build.id).collect();
            is_whole = together(&self.0.db, &self.0.indexes, set, &well).await? == Together::Published;
        }
        if !is_whole && self.0.db.withhold_set(set.id, now()).await? {
            let (id, failed) = (set.id, badly.len());
            tracing::warn!(
                set = id,
                failed,
                "a rebuild is not published, since builds of it did not go well"
            );
        }
        self.tell();
        Ok(())
    }

    /// The set with this number, if it is of this index.
    ///
    /// # Errors
    /// `Missing` if there is none.
    pub async fn set(&self, index: &IndexName, id: i64) -> Result<BuildSet> {
        let set = self.0.db.build_set(id).await?.filter(|set| set.index == *index);
        set.ok_or_else(|| missing!("{index} has no rebuild {id}"))
    }

    /// How far a set is, as `who` may know it.
    pub async fn set_view(&self, directory: &Directory, who: &Who, set: &BuildSet) -> Result<RebuildView> {
        let mut members = Vec::new();
        for member in self.0.db.set_members(set.id).await? {
            if reads(directory, who, member.build.context.indexes()) {
                members.push(self.member_view(&set.index, member).await?);
            }
        }
        Ok(RebuildView {
            id: Some(set.id),
            index: set.index.clone(),
            because: set.because.clone(),
            keep_going: set.keeps_going(),
            state: Some(set.state),
            created: Some(Moment(set.created_at)),
            ended: set.ended_at.map(Moment),
            members,
            left_alone: Vec::new(),
        })
    }

    async fn member_view(&self, index: &IndexName, member: SetMember) -> Result<RebuiltView> {
        let mut trouble = trouble(&member).filter(|_| member.build.state.has_ended());
        if member.brought && !member.listed {
            let refused = self.0.db.why_unpublished(member.build.id).await?;
            let why = refused.into_iter().find(|one| one.index == *index);
            let why = why.map(|one| format!("{index} refused the wheel: {}", one.why));
            let other = || format!("{index} does not list its source any more, or has a better wheel");
            trouble = trouble.or(why).or_else(|| member.released.then(other));
        }
        Ok(RebuiltView {
            was: member.was,
            replaces: member.replaces,
            published: member.listed,
            trouble,
            project: member.build.project,
            version: member.build.version,
            target: member.build.target,
            against: member.build.because,
            build: Some(member.build.id),
            state: Some(member.build.state),
            failure: member.build.failure,
        })
    }
}

/// Why a build did not go well; also for one that has not ended.
fn trouble(member: &SetMember) -> Option<String> {
    let build = &member.build;
    if build.state != BuildState::Built {
        let why = build.failure.as_ref().map(Failure::in_short);
        return Some(why.unwrap_or_else(|| build.state.to_string()));
    }
    let evidence = build.evidence.clone().unwrap_or_default();
    let pin = build.because.as_deref().and_then(reqfile::pin);
    if let Some((project, wanted)) = pin {
        let mut all = evidence.requirements.iter();
        let used = all.find(|(name, _)| ProjectName::new(name).as_ref() == Some(&project));
        match used {
            Some((_, used)) if version::parse(used).as_ref() == Some(&wanted) => {}
            Some((_, used)) => return Some(format!("it was built against {project} {used}, not {wanted}")),
            None => return Some(format!("it was built without {project}")),
        }
    }
    let doubts = evidence.doubts.join("; ");
    (!doubts.is_empty() && !member.doubted).then(|| format!("its wheel is doubtful: {doubts}"))
}

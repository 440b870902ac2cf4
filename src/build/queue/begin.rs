//! A set of builds begins: all of them and the set itself in one transaction, or none.

use super::Queue;
use super::plan::key;
use super::ripple::Rippled;
use super::wanted::Priority;
use crate::access::Who;
use crate::build::tools::tools_for;
use crate::conflict;
use crate::db::Tx;
use crate::db::builds::Build;
use crate::db::events::NewEvent;
use crate::db::sets::NewMember;
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::requirement::Requirement;
use crate::words::{BuildState, EventKind};

/// Attempts; each fails only because another process started one of the builds meanwhile.
const ATTEMPTS: usize = 8;

/// A build of a set that is to be.
struct Planned<'a> {
    member: &'a Rippled,
    row: Build,
    /// Whether the set's index gets the wheel because somebody asked for that.
    wanted: bool,
    /// The build with its key, if there is one.
    known: Option<Build>,
}

impl Planned<'_> {
    /// It failed, and what it needs may have; they run again.
    fn runs_again(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.state == BuildState::Failed)
    }

    /// Whether one more build waits for it.
    fn waits(&self) -> bool {
        self.known.is_none() || self.runs_again()
    }
}

impl Queue {
    /// Starts the builds of a set; whether `who` may is the caller's to decide. Builds that another set began are
    /// joined; those that failed run again.
    ///
    /// # Errors
    /// `Busy` if with these `who` had too many builds waiting: nothing is started then.
    pub async fn start_set(
        &self,
        who: &Who,
        index: &IndexName,
        (because, keep_going): (&Requirement, bool),
        members: &[Rippled],
    ) -> Result<i64> {
        for _ in 0..ATTEMPTS {
            if let Some(id) = self.begin_set(who, index, (&because.to_string(), keep_going), members).await? {
                self.prompt();
                // All of them may have been built for another set.
                self.settle().await?;
                return Ok(id);
            }
        }
        Err(conflict!("others start the same builds of {index}: try again"))
    }

    /// `None` if another process was faster with one of the builds.
    async fn begin_set(
        &self,
        who: &Who,
        index: &IndexName,
        how: (&str, bool),
        members: &[Rippled],
    ) -> Result<Option<i64>> {
        let mut planned = Vec::with_capacity(members.len());
        for member in members {
            planned.push(self.planned(who, index, member).await?);
        }
        let _one_by_one = self.0.entrance.lock().await;
        for plan in &mut planned {
            plan.known = self.0.db.build_by_key(&plan.row.key).await?;
        }
        let waiting = planned.iter().filter(|plan| plan.waits()).count();
        self.may_wait(who, u64::try_from(waiting).unwrap_or(u64::MAX)).await?;
        let mut tx = Tx::begin(&self.0.db).await?;
        let mut started = Vec::with_capacity(planned.len());
        for plan in &planned {
            let build = match &plan.known {
                Some(known) => known.id,
                None => tx.serial,
            };
            if !self.enter_member(&mut tx, who, plan, plan.wanted.then_some(index)).await? {
                return Ok(None);
            }
            let old = plan.member.build.evidence.as_ref();
            started.push(NewMember {
                build,
                replaces: plan.member.build.id,
                was: plan.member.was.clone(),
                doubted: old.is_some_and(|evidence| !evidence.doubts.is_empty()),
            });
        }
        let id = tx.serial;
        tx.create_set(index, how, &who.label, &started).await?;
        let detail = format!("{} builds because of {}", started.len(), how.0);
        tx.commit(NewEvent::of(&who.label, EventKind::BuildAskedAgain).on(index).saying(&detail)).await?;
        for known in planned.iter().filter_map(|plan| plan.known.as_ref()) {
            self.hurry(known.id, Priority::Asked.number()).await?;
        }
        Ok(Some(id))
    }

    /// The row of a build that replaces a wheel.
    async fn planned<'a>(&self, who: &Who, index: &IndexName, member: &'a Rippled) -> Result<Planned<'a>> {
        let old = &member.build;
        let wanted = self.0.db.build_indexes(old.id).await?.iter().any(|(name, _)| name == index);
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
            priority: Priority::Asked.number(),
            asked_by: who.label.clone(),
            ..Build::new(old.context.clone(), old.source.clone())
        };
        self.follow_recipe(&mut row, &member.target).await?;
        row.key = key(&row)?;
        if row.place.is_some() {
            row.state = BuildState::Fetching;
            row.source_sha256 = None;
        }
        Ok(Planned { member, row, wanted, known: None })
    }

    /// Starts the build, or joins it; `false` if another process started it meanwhile.
    async fn enter_member(
        &self,
        tx: &mut Tx,
        who: &Who,
        plan: &Planned<'_>,
        index: Option<&IndexName>,
    ) -> Result<bool> {
        let (row, priority) = (&plan.row, Priority::Asked.number());
        let event = |id: i64| format!("{id} {} for {}", row.title(), row.target);
        let Some(known) = &plan.known else {
            let id = tx.serial;
            if !tx.create_build(row, Some(who.wisher()), index).await? {
                return Ok(false);
            }
            tx.build_counts_for(id, &who.asker().unwrap_or_default()).await?;
            let detail = event(id);
            let told = NewEvent::of_build(&who.label, EventKind::BuildAsked, row.project.as_ref(), &detail);
            tx.step(told).await?;
            return Ok(true);
        };
        tx.join_build(known.id, (priority, who.wisher()), index).await?;
        if let Some(asker) = who.asker() {
            tx.build_is_wanted_by(known.id, &asker).await?;
        }
        if plan.runs_again() {
            for edge in self.0.db.build_needs(known.id).await? {
                let needed = self.0.db.build(edge.needs).await?;
                if let Some(needed) = needed.filter(|needed| needed.state == BuildState::Failed) {
                    tx.reset_build(&needed, priority).await?;
                }
            }
            tx.reset_build(known, priority).await?;
            let detail = event(known.id);
            let told =
                NewEvent::of_build(&who.label, EventKind::BuildAskedAgain, row.project.as_ref(), &detail);
            tx.step(told.within(&row.context)).await?;
        }
        Ok(true)
    }
}

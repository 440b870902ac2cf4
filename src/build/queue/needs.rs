//! Builds that need others first: those are asked for, and what needs them waits without a slot.

use super::Queue;
use super::gate::NotTaken;
use super::lease::lost;
use super::wanted::{Ask, Priority, Wanted};
use crate::access::Who;
use crate::build::job::UnmetRequirement;
use crate::build::target::Target;
use crate::db::builds::{Blocked, Build, BuildId, Edge};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::choose::{FileChoice, FoundFile};
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::words::{BuildState, Class, Failure, Step};
use std::collections::BTreeSet;

/// How often a build may say that others are needed first.
const MOST_ROUNDS: i64 = 12;

/// Build requirements that one outcome may name.
const MOST_NEEDS: usize = 100;

impl Queue {
    /// Others must be built first: they are, and this one waits without a slot.
    pub(super) async fn needs(&self, row: Build, requirements: Vec<String>) -> Result<()> {
        // On the heap, like all that gathers pages below: together they would be too much for a thread's stack.
        match Box::pin(self.block(&row, requirements)).await {
            Err(NotTaken::Ours(error)) => return Err(error),
            Err(NotTaken::Failed(why)) => {
                Box::pin(self.run_failed(row.id, row.fence, &why)).await?;
            }
            Ok(()) => self.call_workers(),
        }
        self.prompt();
        Box::pin(self.settle()).await
    }

    /// The build requirements of a build whose own builds failed, with the number of each of those.
    pub(super) async fn unmet(&self, id: BuildId) -> Result<Vec<(BuildId, UnmetRequirement)>> {
        let mut unmet = Vec::new();
        for edge in self.0.db.build_needs(id).await?.into_iter().filter(|edge| !edge.requirement.is_empty()) {
            let needed = self.get(edge.needs).await?;
            let Some(failure) = needed.failure.as_ref().filter(|_| needed.state == BuildState::Failed) else {
                continue;
            };
            let why = format!(
                "the build requirement {} has no wheel, and building {} (build {}) failed: {}: {}",
                edge.requirement,
                needed.title(),
                needed.id,
                failure.class.name(),
                failure.hint,
            );
            unmet.push((needed.id, UnmetRequirement { requirement: edge.requirement, why }));
        }
        Ok(unmet)
    }

    async fn block(&self, row: &Build, requirements: Vec<String>) -> Result<(), NotTaken> {
        let no = |hint: String| Err(Failure::new(Class::BuildRequirement, Step::Environment, hint).into());
        if requirements.is_empty() {
            let hint = "the worker lacks build requirements, but names none";
            return Err(Failure::new(Class::Worker, Step::Environment, hint).into());
        }
        if row.rounds >= MOST_ROUNDS || requirements.len() > MOST_NEEDS {
            return no(format!(
                "the worker still lacks {} after {} rounds of building requirements: the wheels were built, \
                 but {} does not list them",
                requirements.join(", "),
                row.rounds,
                row.context
            ));
        }
        // It was told so, and has no other way.
        let unmet = self.unmet(row.id).await?;
        if let Some((_, unmet)) = unmet.iter().find(|(_, unmet)| requirements.contains(&unmet.requirement)) {
            return no(unmet.why.clone());
        }
        let mut edges: Vec<Edge> = Vec::new();
        for text in BTreeSet::from_iter(requirements) {
            match self.need(row, &text).await {
                Ok(Some(needs)) => {
                    let known = unmet.iter().find(|(failed, _)| *failed == needs);
                    // The same in other words, unless it runs again by now.
                    if let Some((_, unmet)) = known
                        && self.get(needs).await?.state == BuildState::Failed
                    {
                        return no(unmet.why.clone());
                    }
                    edges.push(Edge { build: row.id, needs, requirement: text });
                }
                Ok(None) => {}
                Err(error) if error.is_withheld() || matches!(error, Error::Bad(_) | Error::Busy(_)) => {
                    return no(format!("cannot get the build requirement {text}: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if edges.is_empty() {
            return match self.0.db.requeue_build(row.id, row.fence).await? {
                true => Ok(()),
                false => Err(lost(row.id).into()),
            };
        }
        match self.0.db.block_build(row.id, row.fence, &edges).await? {
            Blocked::Waits => Ok(()),
            Blocked::Lost => Err(lost(row.id).into()),
            Blocked::Circle(chain) => Err(Box::pin(self.circle(row, &edges, &chain)).await?.into()),
        }
    }

    /// The build of a requirement that exists only as source; `None`: there is a wheel by now.
    async fn need(&self, row: &Build, text: &str) -> Result<Option<BuildId>> {
        let requirement = Requirement::parse(text)?;
        let target = self.runs_build(&row.target).await?;
        let who = Who::context(&row.context, row.id);
        let (context, page) = Box::pin(self.context_page(&who, &row.context, &requirement.name)).await?;
        match target.chooser().choose(&page, &requirement.specifiers) {
            FileChoice::Wheel(_) => Ok(None),
            FileChoice::Nothing(why) => Err(crate::missing!("{why}")),
            FileChoice::Sdist(found) => {
                Box::pin(self.build_of(row, &context, &page.name, &found, &target)).await
            }
        }
    }

    /// The target of the interpreter that a build for this target runs on, and installs its requirements for.
    async fn runs_build(&self, name: &str) -> Result<Target> {
        let gone = |name: &str| crate::bad!("target {name} no longer exists");
        let target = self.0.targets.named(name).await?.ok_or_else(|| gone(name))?;
        match &target.built_on {
            Some(other) => self.0.targets.named(other).await?.ok_or_else(|| gone(other)),
            None => Ok(target),
        }
    }

    async fn build_of(
        &self,
        row: &Build,
        context: &IndexName,
        project: &ProjectName,
        found: &FoundFile<'_>,
        target: &Target,
    ) -> Result<Option<BuildId>> {
        let wanted = Wanted::File { project: project.clone(), filename: found.file.filename.to_string() };
        let ask = Ask {
            targets: vec![target.name.clone()],
            // Where nothing else would list the wheel.
            publish: self.owner_stage(found.file),
            ..Ask::wheels(wanted, context.clone(), Priority::of(row))
        };
        let mut who = Who::context(&row.context, row.id);
        who.counts_for = Some(self.0.db.build_asker(row.id).await?).filter(|asker| !asker.is_empty());
        Ok(Box::pin(self.ask(&who, &ask)).await?.first().copied())
    }

    /// The stage that has this file itself.
    fn owner_stage(&self, file: &File) -> Option<IndexName> {
        let directory = self.0.indexes.directory();
        let owner = directory.indexes.get(file.owner()?)?;
        // What a curated index lists of a mirror is not its own.
        (owner.is_stage() && !owner.is_curated()).then(|| owner.name.clone())
    }

    /// A circle of requirements, told as a chain that begins and ends with the same build.
    async fn circle(&self, row: &Build, edges: &[Edge], chain: &[BuildId]) -> Result<Failure> {
        let mut told = row.of();
        let mut before = row.id;
        for id in chain {
            let known: Vec<Edge> = match before == row.id {
                true => edges.to_vec(),
                false => self.0.db.build_needs(before).await?,
            };
            let requirement = known.into_iter().find(|edge| edge.needs == *id).map(|edge| edge.requirement);
            let title = self.get(*id).await?.title();
            told.push_str(&format!(" needs {} ({title})", requirement.unwrap_or_default()));
            before = *id;
        }
        let hint = format!(
            "build requirements form a cycle: {told}. Upload a wheel of one of them to {}, or change the \
             requirements of one in a recipe",
            row.context
        );
        Ok(Failure::new(Class::Cycle, Step::Environment, hint))
    }
}

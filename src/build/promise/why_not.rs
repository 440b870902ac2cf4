//! Why no wheel of a source is promised: its build would fail again, or could not even begin.

use super::Promises;
use super::kit::Kit;
use crate::build::targets::Offered;
use crate::db::builds::{BuildId, FailedBuild};
use crate::db::promises::StoredPromise;
use crate::directory::{Directory, IndexKind, inheritance};
use crate::error::Result;
use crate::index::policy;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, LeftOut};
use crate::packaging::version::Version;
use crate::words::{Failure, Step};
use std::collections::BTreeMap;

/// Why there is no wheel of a source.
#[derive(Clone, Debug)]
pub struct WhyNot {
    /// In one sentence that begins small.
    why: String,
    build: Option<BuildId>,
}

impl WhyNot {
    pub fn new(why: impl Into<String>, build: Option<BuildId>) -> Self {
        Self { why: why.into(), build }
    }

    /// Its build would fail again.
    pub fn failed(build: &FailedBuild, target: &str) -> Self {
        let (step, hint) = (build.step.unwrap_or(Step::Fetch), build.hint.clone().unwrap_or_default());
        let failure = build.class.map(|class| Failure { class, hint, line: build.line.clone(), step });
        let told = failure.map(|failure| failure.in_short()).unwrap_or_default();
        Self::new(format!("its build for {target} failed: {told}"), Some(build.id))
    }

    /// Its build gave what its index does not take, and would again.
    pub fn doubtful(build: &FailedBuild, target: &str) -> Self {
        let why = format!("its build for {target} gave a doubtful wheel, which the index does not take");
        Self::new(why, Some(build.id))
    }

    /// What its build gave was not what had been promised.
    pub fn broken(row: &StoredPromise) -> Option<Self> {
        let why = row.broken.as_ref()?;
        Some(Self::new(format!("its build gave another wheel than was promised: {why}"), row.build))
    }

    pub fn of(&self, version: &Version, source: &File) -> LeftOut {
        LeftOut::new(version, &source.filename, &self.why, self.build)
    }
}

/// What an index gives the builds of its sources.
enum Supplies {
    /// Pip. What else it has, a build finds out.
    Pip,
    /// Not even pip, by its policy: why.
    Refused(String),
    /// Nothing but what lies here; each source needs to be looked at.
    Here(&'static str),
}

/// Finds out whether the index of a source can give its build what that needs, as far as this is known here
/// without asking anybody.
pub struct Workshop<'a> {
    promises: &'a Promises,
    directory: &'a Directory,
    kit: Kit<'a>,
    known: BTreeMap<IndexName, Supplies>,
}

impl<'a> Workshop<'a> {
    pub fn new(promises: &'a Promises, directory: &'a Directory, offered: &'a Offered) -> Self {
        Self { promises, directory, kit: Kit::new(promises, offered), known: BTreeMap::new() }
    }

    /// Why a build of `source` could not begin; `None`: it can.
    pub async fn lacks(
        &mut self,
        owner: &IndexName,
        project: &ProjectName,
        source: &File,
    ) -> Result<Option<WhyNot>> {
        if !self.known.contains_key(owner) {
            let supplies = self.supplies(owner).await?;
            self.known.insert(owner.clone(), supplies);
        }
        let why = match self.known.get(owner) {
            None | Some(Supplies::Pip) => return Ok(None),
            Some(Supplies::Refused(why)) => format!("every build needs pip: {why}"),
            Some(Supplies::Here(why)) => match self.kit.has(owner, project, source).await? {
                true => return Ok(None),
                false => format!("what builds it is not on {owner}: {why}"),
            },
        };
        Ok(Some(WhyNot::new(why, None)))
    }

    async fn supplies(&self, owner: &IndexName) -> Result<Supplies> {
        let Some(pip) = ProjectName::new("pip") else { return Ok(Supplies::Pip) };
        let kind = |name: &IndexName| self.directory.indexes.get(name).map(|index| &index.kind);
        if let Some(IndexKind::Mirror(mirror)) = kind(owner)
            && let Some(why) = policy::refused(mirror, &pip)
        {
            return Ok(Supplies::Refused(why));
        }
        if self.promises.queue().is_offline() {
            return Ok(Supplies::Here("this server is offline"));
        }
        let order = inheritance::order(self.directory, owner).sources;
        let has = |name: &IndexName| match kind(name) {
            Some(IndexKind::Mirror(mirror)) => policy::refused(mirror, &pip).is_none(),
            Some(IndexKind::Stage(_)) | None => false,
        };
        if order.iter().any(has) {
            return Ok(Supplies::Pip);
        }
        for stage in order.iter().filter(|name| matches!(kind(name), Some(IndexKind::Stage(_)))) {
            if self.promises.db().stage_has(stage, &pip).await? {
                return Ok(Supplies::Pip);
            }
        }
        Ok(Supplies::Here("it inherits from no mirror that has pip"))
    }
}

//! How builds end, and what others have of it.

use super::lease::{MOST_LOSSES, lost};
use super::row::class_name;
use super::{Ask, BuildId, Builds, Priority, Wanted};
use crate::access::Who;
use crate::build::evidence::Evidence;
use crate::build::failure::{Class, Failure};
use crate::build::job::{Outcome, Purpose, Source, Step};
use crate::build::publish;
use crate::build::target::Target;
use crate::build::visible::turns;
use crate::db::builds::{Blocked, Edge, Ending, StoredBuild};
use crate::db::events::NewEvent;
use crate::db::{Tx, now};
use crate::directory::Kind;
use crate::error::{Error, Result};
use crate::index::built::BUILDER;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::choose::{FileChoice, FoundFile};
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::words::EventKind;
use std::collections::BTreeSet;

/// How often a build may say that others are needed first.
const MOST_ROUNDS: i64 = 12;

/// Build requirements that one outcome may name.
const MOST_NEEDS: usize = 100;

impl Builds {
    /// A worker says how its build ended.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn end(&self, owner: &str, id: BuildId, fence: i64, outcome: Outcome) -> Result<()> {
        let row = self.held(owner, id, fence).await?;
        match outcome {
            Outcome::Built { wheel, evidence } => self.built(row, &wheel, *evidence).await,
            Outcome::Failed(why) => self.run_failed(id, fence, &why).await.map(drop),
            Outcome::Metadata { text } => self.told(row, text).await,
            Outcome::Needs { requirements } => self.needs(row, requirements).await,
        }
    }

    /// A run failed. One whose worker failed, not the build, runs again, unless that happened too often;
    /// `true`: it does.
    pub(super) async fn run_failed(&self, id: BuildId, fence: i64, why: &Failure) -> Result<bool> {
        if why.class == Class::Worker && self.0.db.lose_build(id, fence, MOST_LOSSES).await? {
            tracing::warn!(build = id, why = why.hint, "its worker failed: it runs again");
            self.call_workers();
            return Ok(true);
        }
        match self.fail(id, Some(fence), why).await? {
            true => Ok(false),
            false => Err(lost(id)),
        }
    }

    async fn built(&self, mut row: StoredBuild, wheel: &str, evidence: Evidence) -> Result<()> {
        let Some(name) = row.wheel.as_deref().filter(|handed| *handed == wheel) else {
            let hint = match &row.wheel {
                None => format!("the worker says that it built {wheel}, and handed in no wheel"),
                Some(other) => format!("the worker says that it built {wheel}, and handed in {other}"),
            };
            // What it says contradicts what it did: that is no fault of the source.
            let why = Failure::new(Class::Worker, Step::Report, hint);
            return self.run_failed(row.id, row.fence, &why).await.map(drop);
        };
        let name = WheelFilename::parse(name)?;
        row.project = Some(name.name.to_string());
        row.version = row.version.or_else(|| Some(name.version.to_string()));
        let log = match self.join_log(row.id).await? {
            Some(log) => log,
            None => self.0.store.put(bytes::Bytes::new()).await?,
        };
        let evidence = vouched(&row, evidence, &log)?;
        let evidence = serde_json::to_string(&evidence).map_err(Error::internal)?;
        if !self.0.db.build_succeeded(&row, &evidence, &log, now()).await? {
            return Err(lost(row.id));
        }
        self.0.db.drop_log_pieces(row.id).await?;
        self.publish(row.id).await;
        self.tell();
        self.settle().await
    }

    /// Brings a wheel to where it belongs. What fails now is caught up with later.
    pub(super) async fn publish(&self, id: BuildId) {
        if let Err(error) = publish::on_built(&self.0.db, &self.0.indexes, id).await {
            tracing::warn!(
                build = id,
                error = format!("{error:#}"),
                "a built wheel could not be published yet"
            );
        }
    }

    /// The build failed; so do those that need it. `false`: the lease is lost.
    pub(super) async fn fail(&self, id: BuildId, fence: Option<i64>, why: &Failure) -> Result<bool> {
        let ending = Ending {
            class: class_name(why.class),
            hint: cut(&why.hint, 4000),
            line: why.line.as_deref().map(|line| cut(line, 1000)),
            step: why.step.name().into(),
            log_sha256: self.join_log(id).await?,
            at: now(),
        };
        if !self.0.db.build_failed(id, fence, &ending).await? {
            return Ok(false);
        }
        self.0.db.drop_log_pieces(id).await?;
        self.unpromise(id).await?;
        self.tell();
        // Not within itself for ever: what fails because of this is failed by the same loop.
        Box::pin(self.settle()).await?;
        Ok(true)
    }

    /// The pages that promised what failed are written anew, by other processes too.
    async fn unpromise(&self, id: BuildId) -> Result<()> {
        let Some(row) = self.0.db.build(id).await?.filter(|row| !row.given) else { return Ok(()) };
        let what = match (Purpose::named(&row.purpose), row.class.as_deref()) {
            (Purpose::Wheel, _) => EventKind::BuildFailed,
            // A build may tell what the hook could not: the promise stands.
            (Purpose::Metadata, Some("metadata-hook" | "wrong-wheel")) => return Ok(()),
            (Purpose::Metadata, _) => EventKind::MetadataFailed,
        };
        let detail = format!("{id} for {}", row.target);
        let told = NewEvent {
            who: BUILDER,
            what,
            index: Some(&row.context),
            project: row.project.as_deref(),
            detail: Some(&detail),
        };
        Tx::begin(&self.0.db).await?.commit(told).await?;
        self.changed(&row);
        Ok(())
    }

    /// What pages promise of the build's project may be something else now.
    pub(super) fn changed(&self, row: &StoredBuild) {
        if let Some(project) = row.project.as_deref().and_then(ProjectName::new) {
            self.0.indexes.changed(&row.context, &project);
        }
    }

    /// Blocked builds whose needs have ended run on, or fail too.
    pub(super) async fn settle(&self) -> Result<()> {
        loop {
            let ended = self.0.db.ended_needs().await?;
            if ended.is_empty() {
                break;
            }
            let mut progress = false;
            for edge in ended {
                progress |= self.settle_one(&edge).await?;
            }
            if !progress {
                break;
            }
        }
        if !self.0.db.free_builds().await?.is_empty() {
            self.call_workers();
        }
        Ok(())
    }

    async fn settle_one(&self, edge: &Edge) -> Result<bool> {
        if edge.requirement.is_empty() {
            let copied = self.0.db.copy_outcome(edge.needs).await?;
            for id in &copied {
                self.publish(*id).await;
            }
            self.tell();
            return Ok(!copied.is_empty());
        }
        let needed = self.get(edge.needs).await?;
        let why = needed.failure.as_ref().map_or("it failed", |failure| failure.hint.as_str());
        let class = needed.failure.as_ref().map_or(Class::Other, |failure| failure.class);
        let hint = format!(
            "its build requirement {} exists only as source, and {} (build {}) failed: {}: {why}",
            edge.requirement,
            needed.title(),
            needed.id,
            class_name(class),
        );
        self.fail_blocked(edge.build, &Failure::new(Class::BuildRequirement, Step::Environment, hint)).await
    }

    async fn fail_blocked(&self, id: BuildId, why: &Failure) -> Result<bool> {
        let ending = Ending {
            class: class_name(why.class),
            hint: cut(&why.hint, 4000),
            line: None,
            step: why.step.name().into(),
            log_sha256: self.join_log(id).await?,
            at: now(),
        };
        let failed = self.0.db.build_failed(id, None, &ending).await?;
        if failed {
            self.0.db.drop_log_pieces(id).await?;
            self.unpromise(id).await?;
            self.tell();
        }
        Ok(failed)
    }

    /// Others must be built first: they are, and this one waits without a slot.
    async fn needs(&self, row: StoredBuild, requirements: Vec<String>) -> Result<()> {
        let blocked = match requirements.is_empty() {
            true => Err(Failure::new(
                Class::Worker,
                Step::Environment,
                "the worker lacks requirements, and names none",
            )),
            false => self.block(&row, requirements).await?,
        };
        match blocked {
            Err(why) => {
                self.run_failed(row.id, row.fence, &why).await?;
            }
            Ok(()) => self.call_workers(),
        }
        self.prompt();
        self.settle().await
    }

    async fn block(&self, row: &StoredBuild, requirements: Vec<String>) -> Result<Result<(), Failure>> {
        let no = |hint: String| Ok(Err(Failure::new(Class::BuildRequirement, Step::Environment, hint)));
        if row.rounds >= MOST_ROUNDS || requirements.len() > MOST_NEEDS {
            return no(format!(
                "the worker still lacks {} after {} builds of requirements: they were built, and are not listed by {}",
                requirements.join(", "),
                row.rounds,
                row.context
            ));
        }
        let mut edges: Vec<Edge> = Vec::new();
        for text in BTreeSet::from_iter(requirements) {
            match self.need(row, &text).await {
                Ok(Some(needs)) => edges.push(Edge { build: row.id, needs, requirement: text }),
                Ok(None) => {}
                Err(Error::Bad(why) | Error::Missing(why) | Error::Forbidden(why) | Error::Busy(why)) => {
                    return no(format!("the build requirement {text} cannot be had: {why}"));
                }
                Err(error) => return Err(error),
            }
        }
        if edges.is_empty() {
            return match self.0.db.requeue_build(row.id, row.fence).await? {
                true => Ok(Ok(())),
                false => Err(lost(row.id)),
            };
        }
        match self.0.db.block_build(row.id, row.fence, &edges).await? {
            Blocked::Waits => Ok(Ok(())),
            Blocked::Lost => Err(lost(row.id)),
            Blocked::Circle(chain) => self.circle(row, &edges, &chain).await.map(Err),
        }
    }

    /// The build of a requirement that exists only as source; `None`: there is a wheel by now.
    async fn need(&self, row: &StoredBuild, text: &str) -> Result<Option<BuildId>> {
        let requirement = Requirement::parse(text)?;
        let target = self.target(&row.target).await?;
        let target = target.ok_or_else(|| crate::bad!("target {} is not known any more", row.target))?;
        let who =
            Who::context(&row.context, row.id).ok_or_else(|| crate::bad!("{} is no index", row.context))?;
        let (context, page) = self.context_page(&who, &row.context, &requirement.name).await?;
        match target.chooser().choose(&page, &requirement.specifiers) {
            FileChoice::Wheel(_) => Ok(None),
            FileChoice::Nothing(why) => Err(crate::missing!("{why}")),
            FileChoice::Sdist(found) => self.build_of(row, &context, &page.name, &found, &target).await,
        }
    }

    async fn build_of(
        &self,
        row: &StoredBuild,
        context: &IndexName,
        project: &ProjectName,
        found: &FoundFile<'_>,
        target: &Target,
    ) -> Result<Option<BuildId>> {
        let priority = match row.priority {
            0 => Priority::Waiting,
            1 => Priority::Asked,
            _ => Priority::Ahead,
        };
        let ask = Ask {
            wanted: Wanted::File { project: project.clone(), filename: found.file.filename.to_string() },
            purpose: Purpose::Wheel,
            targets: vec![target.name.clone()],
            index: context.clone(),
            // Where nothing else would list the wheel.
            publish: self.owner_stage(found.file),
            priority,
            rebuild: false,
            set: Vec::new(),
        };
        let mut who =
            Who::context(&row.context, row.id).ok_or_else(|| crate::bad!("{} is no index", row.context))?;
        who.counts_for = Some(self.0.db.build_asker(row.id).await?).filter(|asker| !asker.is_empty());
        Ok(Box::pin(self.ask(&who, &ask)).await?.first().copied())
    }

    /// The stage that has this file itself.
    fn owner_stage(&self, file: &File) -> Option<IndexName> {
        let directory = self.0.indexes.directory();
        let owner = directory.indexes.get(file.owner()?)?;
        matches!(owner.kind, Kind::Stage(_)).then(|| owner.name.clone())
    }

    /// A circle of requirements, told as a chain that begins and ends with the same build.
    async fn circle(&self, row: &StoredBuild, edges: &[Edge], chain: &[BuildId]) -> Result<Failure> {
        let source: Source = serde_json::from_str(&row.source).map_err(Error::internal)?;
        let own = match (&row.project, &row.version) {
            (Some(project), Some(version)) => format!("{project} {version}"),
            _ => source.filename,
        };
        let mut told = own;
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
            "build requirements form a circle: {told}; upload a wheel of one of them to {}, or give one a recipe with other requirements",
            row.context
        );
        Ok(Failure::new(Class::Cycle, Step::Environment, hint))
    }
}

/// The worker's evidence, with what the server knows better.
fn vouched(row: &StoredBuild, evidence: Evidence, log: &str) -> Result<Evidence> {
    let source: Source = serde_json::from_str(&row.source).map_err(Error::internal)?;
    Ok(Evidence {
        source: source.filename,
        source_sha256: row.source_sha256.clone().unwrap_or_default(),
        commit: source.commit,
        target: row.target.clone(),
        recipe_sha256: row.recipe_sha256.clone(),
        context: row.context.clone(),
        log_sha256: log.to_owned(),
        wheel_sha256: row.wheel_sha256.clone().unwrap_or_default(),
        ..evidence
    })
}

/// At most so many bytes, without control characters that a terminal would act on, and without those
/// that let text read otherwise than it is.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().filter(|c| (!c.is_control() || *c == '\n') && !turns(*c)).collect();
    if cut.len() > most {
        let end = (0..=most).rev().find(|at| cut.is_char_boundary(*at)).unwrap_or(0);
        cut.truncate(end);
    }
    cut
}

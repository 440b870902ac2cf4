//! Gathers what an index shows of one project: the parts of its bases, in order, merged.

use super::built::OwnWheels;
use super::curation::{Curation, CurationGate};
use super::mirror::{MirrorPage, Mirrors};
use super::sight::Sight;
use super::{built, policy, stage};
use crate::db::Db;
use crate::directory::inheritance::{SourcePart, is_reserved, parts};
use crate::directory::{Directory, Index, IndexKind, Mirror};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Page;
use crate::tools::time::{Micros, now};
use crate::words::ProjectStatus;
use crate::{missing, unavailable};
use std::collections::{BTreeSet, HashSet};

/// What was found.
pub struct Gathered {
    pub page: Page,
    /// When it must be gathered again although nothing here changed.
    pub fresh_until: Micros,
    /// An upstream does not answer; this is what it said last.
    pub stale: bool,
}

/// The two places that projects come from.
pub struct Sources<'a> {
    pub db: &'a Db,
    pub mirrors: &'a Mirrors,
    pub curation: &'a Curation,
    /// Mirrors give the files that are here, and ask nobody.
    pub kept: bool,
}

/// What one source has.
enum Has {
    Nothing,
    /// A mirror's policy refuses the project: why.
    Refused(String),
    /// A mirror that can fetch nothing has no file of the project: what to say of it.
    NoCopy(Error),
    /// A mirror has it, and none of it was approved.
    Unapproved,
    Page(Gathered),
}

impl Sources<'_> {
    /// The merged page. `refresh`: mirrors ask their upstream now.
    ///
    /// # Errors
    /// `Missing` if no source that the asker may read has the project; `Forbidden` if a policy
    /// refuses it; the upstream's failure if a mirror that belongs to the page can not be known:
    /// fewer releases than there are would be a lie that installers believe.
    pub async fn project(&self, sight: Sight<'_>, project: &ProjectName, refresh: bool) -> Result<Gathered> {
        let having = self.stages_that_have(sight, project).await?;
        let closed = self.closed(sight, project).await?;
        let gate = CurationGate::of(self.curation, sight, project).await?;
        let gate = gate.as_ref();
        let parts = parts(sight.directory, sight.order, project, |index| having.contains(index));
        let shown = parts.iter().enumerate().filter(|(at, (index, part))| {
            *part == SourcePart::Gives
                && !(is_mirror(sight.directory, index) && closed.contains(*index))
                && sight.reads(*at)
        });
        let asked = shown.map(|(_, (index, _))| async {
            let found = match sight.directory.indexes.get(*index).map(|index| (index, &index.kind)) {
                Some((index, IndexKind::Mirror(mirror))) => {
                    Box::pin(self.mirror((index, mirror), sight, project, refresh, gate)).await
                }
                Some(_) if having.contains(*index) => self.stage(index, sight, project).await,
                _ => Ok(Has::Nothing),
            };
            let mut found = found?;
            if let Has::Page(gathered) = &mut found {
                policy::hide_quarantined(sight.directory, sight.order, index, &mut gathered.page);
            }
            Ok::<_, Error>(found)
        });
        merge(sight, project, futures::future::try_join_all(asked).await?)
    }

    /// The indexes whose mirrors among them are not asked because of another index of the set, be it one that the asker may
    /// not read.
    async fn closed(&self, sight: Sight<'_>, project: &ProjectName) -> Result<BTreeSet<IndexName>> {
        let Some(whole) = sight.whole else { return Ok(BTreeSet::new()) };
        if is_reserved(sight.directory, whole, project) {
            return Ok(whole.sources.iter().cloned().collect());
        }
        let having = self.stages_that_have(Sight { order: whole, ..sight }, project).await?;
        let parts = parts(sight.directory, whole, project, |index| having.contains(index));
        let closed = parts.into_iter().filter(|(_, part)| *part != SourcePart::Gives);
        Ok(closed.map(|(index, _)| index.clone()).collect())
    }

    /// The stages of `sight` that have the project, also those the asker may not read: they hide.
    pub async fn stages_that_have(
        &self,
        sight: Sight<'_>,
        project: &ProjectName,
    ) -> Result<BTreeSet<IndexName>> {
        let mut having = BTreeSet::new();
        for name in &sight.order.sources {
            let stage = sight.directory.indexes.get(name).is_some_and(Index::is_stage);
            if stage && self.db.stage_has(name, project).await? {
                having.insert(name.clone());
            }
        }
        Ok(having)
    }

    async fn stage(&self, index: &IndexName, sight: Sight<'_>, project: &ProjectName) -> Result<Has> {
        let Some(row) = self.db.project(index, project).await? else { return Ok(Has::Nothing) };
        let files = self.db.project_files(index, project).await?;
        let releases = self.db.releases(index, project).await?;
        let mut page = stage::page(index, project, &row, &files, &releases, sight.as_of);
        let mut ours = OwnWheels::of_stage(&files);
        if !ours.is_empty() {
            ours = ours.knowing(&self.db.built_files(index, project).await?);
        }
        built::step_back(&mut page, &ours);
        Ok(Has::Page(Gathered { page, fresh_until: Micros::MAX, stale: false }))
    }

    async fn mirror(
        &self,
        (index, mirror): (&Index, &Mirror),
        sight: Sight<'_>,
        project: &ProjectName,
        refresh: bool,
        gate: Option<&CurationGate>,
    ) -> Result<Has> {
        if let Some(reason) = policy::refused(mirror, project) {
            return Ok(Has::Refused(reason));
        }
        let told = match self.kept {
            true => self.last_told(index, project).await,
            false => self.mirrors.page(index, project, refresh).await,
        };
        let upstream = match told {
            Ok(Some(upstream)) => upstream,
            Ok(None) => return Ok(Has::Nothing),
            Err(error @ Error::Offline(_)) => return Ok(Has::NoCopy(error)),
            Err(error) => return Err(error),
        };
        let rules = policy::Rules::new(mirror, now(), sight.as_of);
        let mut page = self.mirrors.listed(index, &upstream).await?;
        let ours = match gate {
            None => {
                let known = self.db.built_files(&index.name, project).await?;
                built::add(&index.name, &mut page, &upstream.page, &known)
            }
            // What the mirror's own builds needed was approved by nobody.
            Some(_) => OwnWheels::default(),
        };
        let of_age = rules.changes_at(&page).unwrap_or(Micros::MAX);
        let mut fresh_until = upstream.fresh_until.min(of_age);
        // What is not listed yet takes nobody's place.
        let mut page = rules.apply(page);
        if let Some(gate) = gate {
            let passed = gate.apply(&index.name, page, sight.unapproved);
            fresh_until = fresh_until.min(passed.until);
            page = passed.page;
            if page.files.is_empty() && passed.left_out {
                return Ok(Has::Unapproved);
            }
        }
        built::step_back(&mut page, &ours);
        if self.kept && page.files.is_empty() {
            return Ok(Has::Nothing);
        }
        if upstream.cut_off && page.files.is_empty() && !upstream.page.files.is_empty() {
            return Ok(Has::NoCopy(no_copy(index, project, upstream.stale)));
        }
        Ok(Has::Page(Gathered { page, fresh_until, stale: upstream.stale }))
    }
}

impl Sources<'_> {
    async fn last_told(&self, index: &Index, project: &ProjectName) -> Result<Option<MirrorPage>> {
        let page = self.mirrors.last_told(index, project).await?;
        Ok(page.map(|page| MirrorPage { page, fresh_until: Micros::MAX, stale: false, cut_off: true }))
    }
}

/// Why nothing is listed though the upstream has files: it does not answer, or nobody may ask it.
fn no_copy(index: &Index, project: &ProjectName, silent: bool) -> Error {
    let what = format!("any file of {project}");
    match silent {
        true => unavailable!(
            "the upstream of {} does not answer, and this server has no copy of {what}: try again later",
            index.name
        ),
        false => crate::upstream::client::no_copy(&what),
    }
}

fn not_approved(index: &IndexName, project: &ProjectName) -> Error {
    Error::Unapproved(format!(
        "no release of {project} is approved on {index}: ask for one with `wheelwright request add {index} \
         {project}==VERSION`"
    ))
}

fn is_mirror(directory: &Directory, name: &IndexName) -> bool {
    directory.indexes.get(name).is_some_and(Index::is_mirror)
}

fn merge(sight: Sight<'_>, project: &ProjectName, found: Vec<Has>) -> Result<Gathered> {
    let mut merged: Option<Gathered> = None;
    let (mut refused, mut lacking, mut unapproved) = (None, None, false);
    for has in found {
        match (has, &mut merged) {
            (Has::Nothing, _) => {}
            (Has::NoCopy(error), _) => lacking = lacking.or(Some(error)),
            (Has::Unapproved, _) => unapproved = true,
            (Has::Refused(reason), _) => refused = refused.or(Some(reason)),
            (Has::Page(first), None) => merged = Some(first),
            (Has::Page(next), Some(merged)) => add(merged, next),
        }
    }
    let Some(mut gathered) = merged else {
        let top = sight.order.sources.first();
        if let Some(error) = lacking {
            return Err(error);
        }
        if let (true, Some(index)) = (unapproved, top) {
            return Err(not_approved(index, project));
        }
        return Err(match (refused, top) {
            (Some(reason), _) => Error::Forbidden(reason),
            (None, Some(index)) => stage::no_project(index, project),
            (None, None) => missing!("The project {project} does not exist."),
        });
    };
    gathered.page.dedupe();
    gathered.page.sort();
    Ok(gathered)
}

/// The first source's status stands; what a later one quarantines stays out.
fn add(merged: &mut Gathered, next: Gathered) {
    merged.fresh_until = merged.fresh_until.min(next.fresh_until);
    merged.stale |= next.stale;
    merged.page.serial = merged.page.serial.max(next.page.serial);
    if next.page.status != ProjectStatus::Quarantined {
        // One file, whatever its spelling: two would be one to installers, which then choose either.
        let shown: HashSet<String> = merged.page.files.iter().map(|file| file.filename.identity()).collect();
        let new = next.page.files.into_iter().filter(|file| !shown.contains(&file.filename.identity()));
        merged.page.files.extend(new);
        merged.page.more_versions.extend(next.page.more_versions);
    }
}

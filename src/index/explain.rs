//! Why an index shows what it shows of a project: each source, in order, and what it adds or not.

use super::admin::manages;
use super::built;
use super::curation::{CurationGate, Standing, late_on, not_approved_on};
use super::policy::{self, Rules, Verdict};
use super::sight::{Sight, UnapprovedFiles, reads};
use super::view::Views;
use crate::access::{Who, may_read};
use crate::db::built::BuiltFile;
use crate::db::files::StoredFile;
use crate::directory::inheritance::{InheritanceOrder, SourcePart, holding, parts};
use crate::directory::{Directory, Index, IndexKind, Mirror};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{File, Page};
use crate::packaging::upload_time::UploadTime;
use crate::tools::time::now;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The whole story of one project on one index.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub index: String,
    pub project: String,
    /// In the order in which they are looked through.
    pub sources: Vec<ExplainedIndex>,
    /// What is odd about the bases: lost ones, those that the asker may not see, cycles.
    pub notes: Vec<String>,
}

/// One source.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExplainedIndex {
    pub index: String,
    /// `stage` or `mirror`
    pub kind: String,
    /// Whether anything of it may be shown.
    pub shown: bool,
    /// In a sentence.
    pub because: String,
    pub files: Vec<ExplainedFile>,
}

/// One file that a source has.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExplainedFile {
    pub filename: String,
    pub shown: bool,
    /// Why not; of a file that is shown, that it was built here, or nothing.
    pub because: String,
}

impl Views {
    /// Explains `project` on `index`, as `who` sees it.
    pub async fn explain(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        project: &ProjectName,
        who: &Who,
    ) -> Result<Explanation> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let order = &walk.order;
        let sight = Sight {
            directory,
            order,
            readable,
            as_of: None,
            whole: None,
            unapproved: UnapprovedFiles::Hidden,
        };
        let having = self.sources().stages_that_have(sight, project).await?;
        let gate = CurationGate::of(self.curation(), sight, project).await?;
        let mut seen = BTreeSet::new();
        let mut sources = Vec::new();
        for (at, (name, part)) in
            parts(directory, &walk.order, project, |index| having.contains(index)).into_iter().enumerate()
        {
            let may = reads(readable, at);
            let Some(index) = directory.indexes.get(name) else { continue };
            // It is told as one that does not exist: in a note, if at all.
            if !may {
                continue;
            }
            let unseen = |by: &IndexName| !order_reads(&walk.order, readable, by);
            let mut source = match (&index.kind, part) {
                (IndexKind::Mirror(_), SourcePart::HiddenBy(by) | SourcePart::ReservedBy(by))
                    if unseen(&by) =>
                {
                    hidden(index, "a reserved name hides it, or a base that you may not see".into())
                }
                (IndexKind::Mirror(_), SourcePart::HiddenBy(by)) => hidden(
                    index,
                    format!(
                        "{by} has {project} and hides it in mirrors: add it to mirror_whitelist to show both"
                    ),
                ),
                (IndexKind::Mirror(_), SourcePart::ReservedBy(by)) => hidden(
                    index,
                    format!("{by} reserves the name: the server never requests it from an upstream"),
                ),
                (IndexKind::Mirror(mirror), SourcePart::Gives) => self.mirror(index, mirror, project).await,
                (IndexKind::Stage(_), _) => self.stage(index, project).await?,
            };
            if let Some(gate) = gate.as_ref().filter(|_| index.is_mirror()) {
                let known = self.sources().mirrors.last_told(index, project).await?;
                tell_unapproved(&mut source, gate, &index.name, (project, known.as_deref()));
            }
            // Whatever else there is to say of it, this is what matters.
            let holding = holding(directory, &walk.order, name, project);
            for file in &mut source.files {
                let listed = ListedFilename::new(project, &file.filename);
                if let Some(held) = directory.quarantines.of_any(&holding, project, listed.version()) {
                    (file.shown, file.because) = (false, format!("it is quarantined: {}", held.reason()));
                } else if file.shown && !seen.insert(file.filename.clone()) {
                    (file.shown, file.because) = (false, "an earlier source has a file of this name".into());
                }
            }
            sources.push(source);
        }
        let sees = |name: &IndexName| order_reads(&walk.order, readable, name);
        let lost = walk.order.sources.iter().filter(|at| sees(at));
        let lost = lost.flat_map(|at| lost_bases(directory, who, at));
        let cycles = walk.order.cycles.iter().filter(|(at, base)| sees(at) && sees(base));
        let cycles = cycles.map(|(at, base)| format!("the bases form a cycle: {at} leads back to {base}"));
        let mut notes: Vec<String> = lost.chain(cycles).collect();
        notes.dedup();
        Ok(Explanation { index: index.name.to_string(), project: project.to_string(), sources, notes })
    }

    async fn stage(&self, index: &Index, project: &ProjectName) -> Result<ExplainedIndex> {
        let (db, name) = (self.sources().db, &index.name);
        let has = db.stage_has(name, project).await?;
        let files = db.project_files(name, project).await?;
        let built = db.built_files(name, project).await?;
        let mut page = Page::new(project.clone());
        let listed = |file: &StoredFile| File::named(project, &file.filename);
        page.files = files.iter().map(listed).collect();
        let covered = built::covered(&page, &built::OwnWheels::of_stage(&files).knowing(&built));
        let mut files: Vec<ExplainedFile> = files.iter().map(|file| shown(file.filename.clone())).collect();
        tell_built(&mut files, &built, &covered);
        let because = match (has, files.is_empty()) {
            (false, _) => "it does not have the project",
            (true, true) => "it has the project, but no files",
            (true, false) => "it has the project",
        };
        Ok(source(index, has, because.to_owned(), files))
    }

    async fn mirror(&self, index: &Index, mirror: &Mirror, project: &ProjectName) -> ExplainedIndex {
        if let Some(reason) = policy::refused(mirror, project) {
            return hidden(index, reason);
        }
        let page = match self.sources().mirrors.page(index, project, false).await {
            Ok(Some(page)) => page,
            Ok(None) => return hidden(index, "the upstream does not have the project".into()),
            Err(error) => return hidden(index, format!("the upstream failed: {error}")),
        };
        let known = match self.sources().db.built_files(&index.name, project).await {
            Ok(known) => known,
            Err(error) => return hidden(index, format!("the database failed: {error}")),
        };
        let rules = Rules::new(mirror, now(), None);
        let mut whole = (*page.page).clone();
        let ours = built::add(&index.name, &mut whole, &page.page, &known);
        let explained = whole.files.iter().map(|file| match rules.verdict(project, file) {
            Verdict::Listed => shown(file.filename.to_string()),
            Verdict::Hidden(because) => {
                ExplainedFile { filename: file.filename.to_string(), shown: false, because }
            }
        });
        let mut files: Vec<ExplainedFile> = explained.collect();
        let covered = built::covered(&rules.apply(whole), &ours);
        tell_built(&mut files, &known, &covered);
        let stale = if page.stale { " (at its last answer; it does not answer now)" } else { "" };
        let because = format!("the upstream has the project{stale}");
        source(index, true, because, files)
    }
}

/// Tells of the files that were built here from what, and of those that stepped back for which.
fn tell_built(files: &mut [ExplainedFile], built: &[BuiltFile], covered: &[(String, String)]) {
    for file in files.iter_mut().filter(|file| file.shown) {
        let Some(built) = built.iter().find(|built| built.filename == file.filename) else { continue };
        file.because = built::origin(built);
        if let Some((_, by)) = covered.iter().find(|(ours, _)| *ours == file.filename) {
            file.shown = false;
            file.because = format!("{}; {by} already serves the same interpreters", built::origin(built));
        }
    }
}

/// Whether the bit of `name` in `order` is set.
fn order_reads(order: &InheritanceOrder, readable: u128, name: &IndexName) -> bool {
    let at = order.sources.iter().position(|source| source == name);
    at.is_some_and(|at| reads(readable, at))
}

/// Tells of the bases of `at` that the asker may not read, and of those that do not exist, in the
/// same words: which of the two it is would tell of hidden indexes.
fn lost_bases(directory: &Directory, who: &Who, at: &IndexName) -> Vec<String> {
    let Some(Index { kind: IndexKind::Stage(stage), .. }) = directory.indexes.get(at) else {
        return Vec::new();
    };
    let named = manages(directory, who, at);
    let sees = |base: &IndexName| directory.indexes.get(base).is_some_and(|b| may_read(directory, who, b));
    let told = |base: &IndexName| {
        let all_seen = who.scope.is_none() && (who.is_root() || who.user.as_deref() == Some(base.user()));
        match (all_seen, named) {
            (true, true) => format!("{at} has the base {base}, which does not exist"),
            (false, true) => {
                format!("{at} has the base {base}, but it does not exist, or you may not see it")
            }
            (_, false) => format!("{at} has a base that you may not see or that does not exist"),
        }
    };
    stage.bases.iter().filter(|base| !sees(base)).map(told).collect()
}

fn shown(filename: String) -> ExplainedFile {
    ExplainedFile { filename, shown: true, because: String::new() }
}

/// Of what a mirror has, a curated index shows what was approved.
fn tell_unapproved(
    source: &mut ExplainedIndex,
    gate: &CurationGate,
    mirror: &IndexName,
    (project, page): (&ProjectName, Option<&Page>),
) {
    for file in source.files.iter_mut().filter(|file| file.shown) {
        let listed = ListedFilename::new(project, &file.filename);
        let told = page.and_then(|page| page.files.iter().find(|told| told.filename == *file.filename));
        let uploaded = told.and_then(|told| told.uploaded).map(UploadTime::micros);
        let because = match gate.standing(mirror, listed.version(), uploaded) {
            (Standing::Approved, _) => continue,
            (Standing::Refused(why), Some(curator)) => format!("it is refused on {curator}: {why}"),
            (Standing::Late(approved), Some(curator)) => late_on(curator, approved),
            (_, Some(curator)) => not_approved_on(curator),
            (_, None) => "no curated index that you may read can approve it".to_owned(),
        };
        (file.shown, file.because) = (false, because);
    }
}

fn hidden(index: &Index, because: String) -> ExplainedIndex {
    source(index, false, because, Vec::new())
}

fn source(index: &Index, shown: bool, because: String, files: Vec<ExplainedFile>) -> ExplainedIndex {
    ExplainedIndex {
        index: index.name.to_string(),
        kind: index.kind.name().to_owned(),
        shown,
        because,
        files,
    }
}

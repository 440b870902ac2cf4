//! What other options of an index would hide or show, by what is known here: nobody is asked and nothing changes.

use super::policy::Rules;
use super::{Indexes, retention};
use crate::directory::options::{self, OptionsChange};
use crate::directory::{Directory, Index, IndexKind, Mirror, Stage, inheritance};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::requirement::Pattern;
use crate::tools::time::now;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Projects that are looked at.
const MOST_PROJECTS: usize = 5_000;
/// The time that looking takes.
const LONGEST: Duration = Duration::from_secs(5);
/// Lines of the answer.
const MOST_LINES: usize = 50;

/// What a change of options would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OptionsPreview {
    /// Files that are listed now and would not be.
    pub hidden: usize,
    /// Files that are not listed now and would be.
    pub shown: usize,
    /// Projects that were looked at; `complete` says whether these are all that are known here.
    pub projects: usize,
    pub complete: bool,
    /// The first of them.
    pub lines: Vec<PreviewLine>,
    /// What is not counted.
    pub notes: Vec<String>,
}

/// A file, a release or a project that would come or go.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewLine {
    pub what: String,
    /// Or it would be shown.
    pub hidden: bool,
    pub why: String,
}

impl OptionsPreview {
    fn add(&mut self, hidden: bool, what: impl FnOnce() -> String, why: String) {
        match hidden {
            true => self.hidden += 1,
            false => self.shown += 1,
        }
        if self.lines.len() < MOST_LINES {
            self.lines.push(PreviewLine { what: what(), hidden, why });
        }
    }
}

impl Indexes {
    /// What `change` would hide or show of what is known here.
    ///
    /// # Errors
    /// `Bad` for options that are not valid.
    pub async fn preview(
        &self,
        directory: &Directory,
        index: &Index,
        change: &OptionsChange,
    ) -> Result<OptionsPreview> {
        let changed = options::read(&index.name, &options::modify(&index.options, change)?);
        match (&index.kind, &changed.kind) {
            (IndexKind::Mirror(before), IndexKind::Mirror(after)) => {
                self.of_mirror(index, before, after).await
            }
            (IndexKind::Stage(before), IndexKind::Stage(after)) => {
                self.of_stage(directory, &changed, before, after).await
            }
            _ => Ok(OptionsPreview::default()),
        }
    }

    async fn of_mirror(&self, index: &Index, before: &Mirror, after: &Mirror) -> Result<OptionsPreview> {
        let (now, began) = (now(), Instant::now());
        let (before, after) = (Rules::new(before, now, None), Rules::new(after, now, None));
        let known = self.db.upstream_projects(&index.name).await?;
        let mut preview = OptionsPreview::default();
        for project in known.iter().take(MOST_PROJECTS) {
            if began.elapsed() > LONGEST {
                break;
            }
            preview.projects += 1;
            let Some(page) = self.mirrors.last_told(index, project).await? else { continue };
            for file in &page.files {
                let (was, would) = (before.verdict(project, file), after.verdict(project, file));
                let hidden = !would.is_listed();
                if was.is_listed() == hidden {
                    let why = if hidden { would.why() } else { was.why() };
                    preview.add(hidden, || file.filename.to_string(), why);
                }
            }
        }
        preview.complete = preview.projects == known.len();
        Ok(preview)
    }

    async fn of_stage(
        &self,
        directory: &Directory,
        changed: &Index,
        before: &Stage,
        after: &Stage,
    ) -> Result<OptionsPreview> {
        let mut preview = OptionsPreview::default();
        let expired = retention::would_expire(&self.db, changed, now()).await?;
        for release in &expired {
            preview.add(true, || format!("{} {}", release.project, release.version), release.why.clone());
        }
        let patterns = |stage: &Stage| -> Vec<Pattern> {
            stage.reserved.iter().filter_map(|text| Pattern::parse(text).ok()).collect()
        };
        let (reserved, would_be) = (patterns(before), patterns(after));
        let reserves = |patterns: &[Pattern], project: &ProjectName| {
            patterns.iter().any(|pattern| pattern.matches_name(project))
        };
        let began = Instant::now();
        let mirrors = inheritance::order(directory, &changed.name).sources.into_iter();
        let is_mirror = |name: &IndexName| directory.indexes.get(name).is_some_and(Index::is_mirror);
        preview.complete = true;
        for mirror in mirrors.filter(is_mirror) {
            let known = self.db.upstream_projects(&mirror).await?;
            let looked_at = known.iter().take(MOST_PROJECTS).take_while(|_| began.elapsed() < LONGEST);
            let before = preview.projects;
            for project in looked_at {
                preview.projects += 1;
                let (was, would) = (reserves(&reserved, project), reserves(&would_be, project));
                if was != would {
                    preview.add(
                        would,
                        || project.to_string(),
                        format!("its name is reserved, so {mirror} is not asked"),
                    );
                }
            }
            preview.complete &= preview.projects - before == known.len();
        }
        if after.curated && !before.curated {
            preview.notes.push("Releases of its mirrors that nobody approved are hidden.".to_owned());
        }
        if !after.curated && before.curated {
            preview.notes.push("All releases of its mirrors are shown.".to_owned());
        }
        if after.curated && before.curated && after.late_files != before.late_files {
            let now = if after.late_files { "shown" } else { "hidden" };
            preview.notes.push(format!("Files that were added to a release after its approval are {now}."));
        }
        let lost = before.bases.iter().filter(|base| !after.bases.contains(base));
        preview.notes.extend(lost.map(|base| format!("Projects that only {base} has are hidden.")));
        let new = after.bases.iter().filter(|base| !before.bases.contains(base));
        preview.notes.extend(new.map(|base| format!("Projects of {base} are shown.")));
        Ok(preview)
    }
}

//! Search: projects of an index and its bases by words in names and summaries, from rows alone. No upstream is asked.

use super::view::Views;
use crate::access::Who;
use crate::bad;
use crate::db::Db;
use crate::db::events::Event;
use crate::db::files::ReleaseRow;
use crate::db::search::WordFilter;
use crate::directory::inheritance::holding;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, Version};
use crate::tools::time::now;
use std::sync::Arc;

/// Results of one search.
const HITS: usize = 100;
/// Projects that are looked at for them.
const LOOKED_AT: usize = 500;
/// Words of one search, and the letters of one.
const WORDS: usize = 20;
const LONGEST_WORD: usize = 100;
/// Changes of one answer.
const CHANGES: i64 = 50_000;

/// What is looked for: in a list, any word will do.
#[derive(Clone, Debug, Default)]
pub struct Search {
    names: Vec<String>,
    summaries: Vec<String>,
    all: bool,
}

/// A project that was found, in its newest release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchHit {
    pub name: String,
    pub summary: String,
    pub version: String,
}

impl Search {
    /// With `all`, a project must fit by its name and by its summary; else by one of them.
    ///
    /// # Errors
    /// `Bad` without words, and with too many or too long ones.
    pub fn new(names: &[String], summaries: &[String], all: bool) -> Result<Self> {
        let words = || names.iter().chain(summaries);
        if words().all(|word| word.trim().is_empty()) {
            return Err(bad!("a search needs a word in name or summary"));
        }
        if words().count() > WORDS || words().any(|word| word.chars().count() > LONGEST_WORD) {
            return Err(bad!(
                "a search has at most {WORDS} words, each of at most {LONGEST_WORD} characters"
            ));
        }
        let clean = |list: &[String], read: fn(&str) -> String| -> Vec<String> {
            list.iter().map(|word| read(word.trim())).filter(|word| !word.is_empty()).collect()
        };
        Ok(Self {
            names: clean(names, |word| word.to_lowercase().replace(['_', '.'], "-")),
            summaries: clean(summaries, str::to_lowercase),
            all,
        })
    }

    fn filter(&self) -> WordFilter<'_> {
        WordFilter {
            names: self.names.iter().map(String::as_str).collect(),
            texts: self.summaries.iter().map(String::as_str).collect(),
            all: self.all,
        }
    }

    fn fits(&self, name: &ProjectName, summary: &str) -> bool {
        let summary = summary.to_lowercase();
        let by_name = self.names.iter().any(|word| name.as_str().contains(word.as_str()));
        let by_summary = self.summaries.iter().any(|word| summary.contains(word.as_str()));
        match self.all {
            true => (by_name || self.names.is_empty()) && (by_summary || self.summaries.is_empty()),
            false => by_name || by_summary,
        }
    }
}

impl Views {
    /// What fits in `index` and those of its bases that `who` may read. The first index that has a project speaks for
    /// it. Of a mirror only what it keeps files of is known, and no summary.
    pub async fn search(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        who: &Who,
        search: &Search,
    ) -> Result<Vec<SearchHit>> {
        let db = self.sources().db;
        let (mut hits, mut looked_at) = (Vec::new(), 0);
        let sources = self.readable_sources(directory, index, who)?;
        let walk = self.walk(directory, &index.name)?;
        let curators: Vec<&IndexName> =
            sources.iter().filter(|source| source.is_curated()).map(|source| &source.name).collect();
        for (at, source) in sources.iter().enumerate() {
            let room = i64::try_from(LOOKED_AT - looked_at).unwrap_or_default();
            let is_stage = matches!(source.kind, IndexKind::Stage(_));
            let names: Vec<&str> = search.names.iter().map(String::as_str).collect();
            let projects = match is_stage {
                true => db.projects_with_words(&source.name, &search.filter(), room).await?,
                false if search.all && !search.summaries.is_empty() => Vec::new(),
                false => db.kept_projects_with_words(&source.name, &names, room).await?,
            };
            looked_at += projects.len();
            for project in projects {
                if hits.len() >= HITS {
                    return Ok(hits);
                }
                let before = sources.get(..at).unwrap_or_default();
                let is_known = hits.iter().any(|hit: &SearchHit| hit.name == project.as_str());
                if is_known || is_hidden(db, before, &project).await? {
                    continue;
                }
                if !is_stage && !self.is_approved(&curators, &project).await? {
                    continue;
                }
                let holding = holding(directory, &walk.order, &source.name, &project);
                let is_free = |text: &str| {
                    directory.quarantines.of_any(&holding, &project, version::parse(text).as_ref()).is_none()
                };
                let newest = match is_stage {
                    true => newest(&db.releases(&source.name, &project).await?, &project, is_free),
                    false => kept(db, &source.name, &project, is_free).await?,
                };
                let newest = newest.filter(|hit| search.fits(&project, &hit.summary));
                hits.extend(newest);
            }
        }
        Ok(hits)
    }

    /// Whether some release of a mirror's project is approved, where that is needed.
    async fn is_approved(&self, curators: &[&IndexName], project: &ProjectName) -> Result<bool> {
        for curator in curators {
            if self.curation().decisions(curator, project).await?.approves_some(now()) {
                return Ok(true);
            }
        }
        Ok(curators.is_empty())
    }

    /// What changed in `index` and its bases after a serial, as far as `who` may read them.
    pub async fn changes(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        who: &Who,
        serial: i64,
    ) -> Result<Vec<Event>> {
        let sources = self.readable_sources(directory, index, who)?;
        let names: Vec<IndexName> = sources.into_iter().map(|source| source.name.clone()).collect();
        self.sources().db.events_of(&names, serial, CHANGES).await
    }

    fn readable_sources<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        who: &Who,
    ) -> Result<Vec<&'a Index>> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let may =
            |at: usize| readable.checked_shr(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1;
        let named = walk.order.sources.iter().enumerate().filter(|(at, _)| may(*at));
        Ok(named.filter_map(|(_, name)| directory.indexes.get(name)).collect())
    }
}

/// Whether a stage has the project that comes before.
async fn is_hidden(db: &Db, before: &[&Index], project: &ProjectName) -> Result<bool> {
    for stage in before.iter().filter(|index| matches!(index.kind, IndexKind::Stage(_))) {
        if db.stage_has(&stage.name, project).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The highest free release that is neither yanked nor a pre-release, else the highest not yanked, else the highest.
fn newest(
    releases: &[ReleaseRow],
    project: &ProjectName,
    is_free: impl Fn(&str) -> bool,
) -> Option<SearchHit> {
    #[derive(serde::Deserialize)]
    struct Facts {
        #[serde(default)]
        name: String,
        summary: Option<String>,
    }
    let rank = |release: &&ReleaseRow| rank(&release.version, release.yanked_at.is_some());
    let release = releases.iter().filter(|release| is_free(&release.version)).max_by_key(rank)?;
    let facts: Option<Facts> = serde_json::from_str(&release.metadata).ok();
    let (name, summary) = facts.map(|facts| (facts.name, facts.summary)).unwrap_or_default();
    Some(SearchHit {
        name: if name.is_empty() { project.to_string() } else { name },
        summary: summary.unwrap_or_default(),
        version: release.version.clone(),
    })
}

/// The same of the files that a mirror keeps.
async fn kept(
    db: &Db,
    index: &IndexName,
    project: &ProjectName,
    is_free: impl Fn(&str) -> bool,
) -> Result<Option<SearchHit>> {
    let files = db.project_files(index, project).await?;
    let newest =
        files.into_iter().filter(|file| is_free(&file.version)).max_by_key(|file| rank(&file.version, false));
    Ok(newest.map(|file| SearchHit {
        name: project.to_string(),
        summary: String::new(),
        version: file.version,
    }))
}

fn rank(text: &str, is_yanked: bool) -> (bool, bool, Option<Version>) {
    let parsed = version::parse(text);
    (!is_yanked, parsed.as_ref().is_some_and(|version| !version.any_prerelease()), parsed)
}

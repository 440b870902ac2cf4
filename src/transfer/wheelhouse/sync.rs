//! Makes a wheelhouse what its index is now: files before the pages that link to them, pages before the lists of them;
//! what nothing links to any more goes last. Killed at any moment, it leaves a tree whose every link works.

use super::order::{HouseSource, WheelhouseOrder, WheelhouseTally};
use super::place::HousePlace;
use super::presign::Presign;
use super::state::{ProjectState, TreeState};
use super::tree::{
    FLAT, LISTS, STATE, TreeFile, TreeLinks, TreePage, UNFINISHED, file_path, files_of, is_of_tree, offered,
    page_paths, write_lists, write_pages,
};
use crate::error::{Error, Result};
use crate::index::kept::KeptIndex;
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::html;
use crate::packaging::page::Page;
use crate::tools::hex;
use crate::tools::time::Micros;
use crate::{bad, conflict};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Projects whose pages are in memory at once.
const BATCH: usize = 256;
/// Projects that are read from the database at once.
const AT_ONCE: usize = 8;

/// One run.
pub(super) struct Run<'a> {
    pub source: HouseSource<'a>,
    pub order: &'a WheelhouseOrder,
    pub place: &'a HousePlace,
    pub now: Micros,
}

/// What there was before a run.
struct Before {
    state: TreeState,
    /// What is really there, where the last run was not finished: its state says less than the truth.
    found: Option<HashMap<String, u64>>,
    /// Everything is written anew.
    anew: bool,
}

/// A project as it is now.
struct Made {
    project: ProjectName,
    state: ProjectState,
    pages: Vec<TreePage>,
    files: Vec<TreeFile>,
}

impl Run<'_> {
    pub(super) async fn run(&self) -> Result<WheelhouseTally> {
        let directory = self.source.indexes.directory();
        let index = directory.index(&self.order.index)?;
        let of = KeptIndex { directory: &directory, index, inherited: self.order.inherited };
        let stamps = self.order.stamps(self.source, of).await?;
        let before = self.before(of).await?;
        let known = &before.state.projects;
        let changed: Vec<&ProjectName> = stamps
            .iter()
            .filter(|(name, stamp)| {
                before.anew || !known.get(*name).is_some_and(|known| known.holds(stamp, self.now))
            })
            .map(|(name, _)| name)
            .collect();
        let gone = known.keys().filter(|name| !stamps.contains_key(*name)).count();
        if changed.is_empty() && gone == 0 && !before.anew {
            return Ok(self.tally(&before.state, WheelhouseTally::default()));
        }
        self.place.put_own(UNFINISHED, Vec::new()).await?;
        let mut tally = WheelhouseTally { projects_changed: changed.len() + gone, ..Default::default() };
        let mut state = TreeState::new(self.order.index.as_str(), self.order.rules(self.source, of)?);
        state.signed_at = match before.anew {
            true => self.order.presign.map(|_| self.now),
            false => before.state.signed_at,
        };
        let carried = known.iter().filter(|(name, _)| stamps.contains_key(*name));
        let mut projects: BTreeMap<ProjectName, ProjectState> =
            carried.map(|(name, known)| (name.clone(), known.clone())).collect();
        for batch in changed.chunks(BATCH) {
            let mut made: Vec<BoxFuture<'_, Result<Made>>> = Vec::with_capacity(batch.len());
            for project in batch {
                let stamp = stamps.get(*project).cloned().unwrap_or_default();
                made.push(self.make(of, project, stamp).boxed());
            }
            let made: Vec<Made> = stream::iter(made).buffered(AT_ONCE).try_collect().await?;
            self.put(&before, &made, &mut tally).await?;
            projects.extend(made.into_iter().map(|made| (made.project, made.state)));
        }
        self.place.settle().await?;
        state.projects = projects;
        self.put_lists(&before, &mut state, &mut tally).await?;
        self.remove(&before, &state, &mut tally).await?;
        self.place.put_own(STATE, state.to_bytes()).await?;
        self.place.remove(vec![UNFINISHED.to_owned()]).await?;
        Ok(self.tally(&state, tally))
    }

    async fn before(&self, of: KeptIndex<'_>) -> Result<Before> {
        let bytes = self.place.get(STATE).await?;
        let unfinished = self.place.get(UNFINISHED).await?.is_some();
        let nothing = bytes.is_none() && !unfinished;
        if nothing && self.place.is_foreign().await? {
            return Err(bad!(
                "{} is not empty, and no wheelhouse: choose another prefix, or empty it",
                self.place.name()
            ));
        }
        let rules = self.order.rules(self.source, of)?;
        let state = bytes.as_deref().and_then(TreeState::read);
        if let Some(other) = state.as_ref().filter(|state| state.index != self.order.index.as_str()) {
            return Err(conflict!(
                "{} is the wheelhouse of {}, not of {}: choose another place, or remove it",
                self.place.name(),
                other.index,
                self.order.index
            ));
        }
        let trusted = state.is_some() && !unfinished;
        let found = match trusted || nothing {
            true => None,
            false => Some(self.place.list().await?),
        };
        let state = state.unwrap_or_default();
        let renew = self.order.presign.is_some_and(|presign| presign.is_due(state.signed_at, self.now));
        let anew = !trusted || renew || state.rules != rules;
        Ok(Before { state, found, anew })
    }

    async fn make(&self, of: KeptIndex<'_>, project: &ProjectName, stamp: String) -> Result<Made> {
        let mut state = ProjectState { stamp, ..ProjectState::default() };
        let kept = self.source.indexes.views.kept(of, project).await?;
        let stays =
            |name: &ProjectName| self.order.private.as_ref().is_some_and(|named| !named.contains(name));
        let Some(kept) = kept else {
            return Ok(Made { project: project.clone(), state, pages: Vec::new(), files: Vec::new() });
        };
        state.until = Some(kept.gathered.fresh_until).filter(|until| *until != Micros::MAX);
        state.private = kept.private && stays(project);
        let page = kept.gathered.page;
        if state.private || offered(&page).next().is_none() {
            return Ok(Made { project: project.clone(), state, pages: Vec::new(), files: Vec::new() });
        }
        let links = self.links(&page).await?;
        let mut files = files_of(&page);
        if self.order.presign.is_some() {
            files.retain(|file| file.kind == crate::store::ObjectKind::File);
        }
        let (pages, flat) = write_pages(page, &links);
        state.pages = pages.iter().map(|page| page.hash.clone()).collect();
        state.files = files.iter().map(|file| file.path.clone()).collect();
        state.flat = flat;
        Ok(Made { project: project.clone(), state, pages: pages.into(), files })
    }

    async fn links(&self, page: &Page) -> Result<TreeLinks> {
        let (Some(Presign { lasts, .. }), HousePlace::Bucket(bucket)) = (self.order.presign, self.place)
        else {
            return Ok(match &self.order.public_url {
                Some(url) => TreeLinks::Below(format!("{}/", url.as_str().trim_end_matches('/'))),
                None => TreeLinks::Relative,
            });
        };
        let mut signed = HashMap::new();
        for (file, sha256) in offered(page) {
            let path = file_path(sha256, &file.filename);
            let url = bucket.presigned(&path, lasts).await?;
            signed.insert(path, url);
        }
        Ok(TreeLinks::Signed(signed))
    }

    /// The files that are not there yet, then the pages that changed.
    async fn put(&self, before: &Before, made: &[Made], tally: &mut WheelhouseTally) -> Result<()> {
        let (mut files, mut pages) = (Vec::new(), Vec::new());
        for made in made {
            let known = before.state.projects.get(&made.project).filter(|_| before.found.is_none());
            for file in &made.files {
                let there = match &before.found {
                    Some(found) => self.is_whole(found, file).await?,
                    None => known.is_some_and(|known| known.files.contains(&file.path)),
                };
                if !there {
                    files.push(file.clone());
                }
            }
            let same =
                |at: usize, page: &TreePage| known.and_then(|known| known.pages.get(at)) == Some(&page.hash);
            let new = made.pages.iter().enumerate().filter(|(at, page)| !same(*at, page));
            pages.extend(new.map(|(_, page)| page.clone()));
        }
        tally.files += files.len();
        tally.pages += pages.len();
        self.place.put_files(self.source.store, files).await?;
        self.place.put_pages(pages).await
    }

    async fn is_whole(&self, found: &HashMap<String, u64>, file: &TreeFile) -> Result<bool> {
        let Some(size) = found.get(&file.path) else { return Ok(false) };
        Ok(self.source.store.size(&file.sha256).await? == Some(*size))
    }

    /// The pages of all projects: the flat one before those that lead to it.
    async fn put_lists(
        &self,
        before: &Before,
        state: &mut TreeState,
        tally: &mut WheelhouseTally,
    ) -> Result<()> {
        let title = format!("Files of {}", self.order.index);
        let parts = state.projects.values().map(|project| project.flat.as_str());
        let flat = TreePage::new(FLAT, html::join_flat(&title, parts).into_bytes());
        let lists = write_lists(&format!("Projects of {}", self.order.index), state.listed());
        state.flat.clone_from(&flat.hash);
        state.lists = lists.each_ref().map(|list| list.hash.clone());
        let known = [&before.state.flat, &before.state.lists[0], &before.state.lists[1]];
        let mut pages = vec![flat];
        pages.extend(lists);
        let changed = pages.into_iter().zip(known);
        let trusted = before.found.is_none();
        let changed = changed.filter(|(page, known)| !trusted || page.hash != **known);
        let changed: Vec<TreePage> = changed.map(|(page, _)| page).collect();
        tally.pages += changed.len();
        self.place.put_pages(changed).await?;
        self.place.settle().await
    }

    /// Pages first, then the files that only they linked to.
    async fn remove(&self, before: &Before, state: &TreeState, tally: &mut WheelhouseTally) -> Result<()> {
        let old: Vec<String> = match &before.found {
            // Whatever else stands there is somebody's.
            Some(found) => found.keys().filter(|path| is_of_tree(path)).cloned().collect(),
            None => {
                let changed = before.state.projects.iter().filter(|(name, known)| {
                    state.projects.get(*name).is_none_or(|now| now.files != known.files)
                });
                changed.flat_map(|(name, known)| paths(name, known)).collect()
            }
        };
        if old.is_empty() {
            return Ok(());
        }
        let mut wanted: HashSet<String> = LISTS.iter().map(|path| (*path).to_owned()).collect();
        wanted.insert(FLAT.to_owned());
        for (name, project) in &state.projects {
            wanted.extend(paths(name, project));
        }
        let old = old.into_iter().filter(|path| !wanted.contains(path));
        let (files, pages): (Vec<_>, Vec<_>) = old.partition(|path| path.starts_with("files/"));
        tally.removed += files.len() + pages.len();
        self.place.remove(pages).await?;
        self.place.remove(files).await
    }

    fn tally(&self, state: &TreeState, tally: WheelhouseTally) -> WheelhouseTally {
        let private = state.projects.iter().filter(|(_, project)| project.private);
        let ends = self.order.presign.zip(state.signed_at);
        let of_age = state.projects.values().filter_map(|project| project.until);
        WheelhouseTally {
            projects: state.listed().count(),
            left_out: private.map(|(name, _)| name.clone()).collect(),
            links_until: ends.map(|(presign, signed_at)| presign.until(signed_at)),
            renew_at: ends
                .map(|(presign, signed_at)| presign.renew_at(signed_at))
                .into_iter()
                .chain(of_age)
                .min(),
            ..tally
        }
    }
}

/// A text that changes whenever a run would find something to do; nothing is looked at but rows.
pub(super) async fn content(source: HouseSource<'_>, order: &WheelhouseOrder) -> Result<String> {
    let directory = source.indexes.directory();
    let index = directory.index(&order.index)?;
    let of = KeptIndex { directory: &directory, index, inherited: order.inherited };
    let stamps = order.stamps(source, of).await?;
    let all = serde_json::to_vec(&(order.rules(source, of)?, stamps)).map_err(Error::internal)?;
    Ok(hex::short_sha256(all, 32))
}

/// All that stands there for a project.
fn paths(name: &ProjectName, project: &ProjectState) -> Vec<String> {
    let pages = page_paths(name).into_iter().filter(|_| !project.pages.is_empty());
    pages.chain(project.files.iter().cloned()).collect()
}

impl WheelhouseOrder {
    /// The projects to carry, each with its stamp.
    async fn stamps(
        &self,
        source: HouseSource<'_>,
        of: KeptIndex<'_>,
    ) -> Result<BTreeMap<ProjectName, String>> {
        let mut stamps = source.indexes.views.kept_stamps(of).await?;
        let named = &self.projects;
        if let Some(absent) = named.iter().find(|name| !stamps.contains_key(*name)) {
            return Err(missing!("{} has no files of the project {absent}", self.index));
        }
        if !named.is_empty() {
            stamps.retain(|name, _| named.contains(name));
        }
        Ok(stamps)
    }

    /// What decides how everything is written.
    fn rules(&self, source: HouseSource<'_>, of: KeptIndex<'_>) -> Result<String> {
        let options = source.indexes.views.kept_rules(of)?;
        let private: Vec<&str> = self.private.iter().flatten().map(ProjectName::as_str).collect();
        let lasts = self.presign.map(|presign| presign.lasts);
        let text = format!(
            "{} {options} {} {:?} {:?} {} {private:?} {lasts:?}",
            source.indexes.uuid(),
            self.inherited,
            self.projects,
            self.public_url,
            self.private.is_some(),
        );
        Ok(hex::short_sha256(text, 16))
    }
}

/// Where all of it is refused before anything is looked at.
pub(super) fn check(order: &WheelhouseOrder) -> Result<()> {
    match order.presign {
        Some(presign) => presign.check().map_err(Error::Bad),
        None => Ok(()),
    }
}

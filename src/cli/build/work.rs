//! One wheel after the other: what the wheelhouse has, what the index has, what must be built.

use super::demand::{TargetDemand, VersionChoice};
use super::house::{self, House, Origin};
use super::outcome::{BuiltSource, Failed, Got, broken_by};
use super::report::{Item, WheelOutcome};
use super::sources::{Brought, Supply};
use crate::build::order::BuildOrder;
use crate::build::target::Target;
use crate::cli::progress::Progress;
use crate::cli::requirements::WantedBy;
use crate::client::ServerClient;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::choose::FoundFile;
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::Page;
use crate::tools::hex;
use crate::tools::scratch::ScratchFolder;
use crate::{bad, missing};
use futures::future::join_all;
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// Downloads at once.
const DOWNLOADS: usize = 8;
/// Resolutions at once: a server lets one asker have a few.
const RESOLUTIONS: usize = 2;

/// All that one run of the command shares between targets.
pub struct Work {
    pub server: ServerClient,
    /// `user/index`, whose pages are read.
    pub index: String,
    /// Gets what is built.
    pub for_index: Option<String>,
    /// `None`: nobody wants the wheels here.
    pub house: Option<Mutex<House>>,
    pub scratch: ScratchFolder,
    pub progress: Progress,
    pub rebuild: bool,
    pub deep: bool,
    /// Builds that have not ended, for whoever breaks the command off.
    pub open: Arc<Mutex<BTreeSet<i64>>>,
    /// Evidence and logs are kept here; `None`: the server alone has them.
    pub evidence: Option<PathBuf>,
    /// The server ends with this command.
    pub is_local: bool,
    pages: Mutex<HashMap<ProjectName, Arc<OnceCell<Option<Page>>>>>,
    downloads: Semaphore,
    pub(super) resolutions: Semaphore,
    items: Mutex<Vec<Item>>,
    warnings: Mutex<Vec<String>>,
}

/// The page without pure wheels that a wheelwright built: those have the requirements that one target
/// decided. The build for this target is asked for instead, and is there at once if it was done.
fn without_other_builds(page: &Page) -> Page {
    let mut page = page.clone();
    page.files.retain(|file| {
        let is_ours = |name: &WheelFilename| name.build.as_ref().is_some_and(|build| build.ends_with("ww"));
        !file.filename.wheel().is_some_and(|name| is_ours(name) && name.platform == ["any"])
    });
    page
}

impl Work {
    pub fn new(
        server: ServerClient,
        index: String,
        house: Option<House>,
        scratch: ScratchFolder,
        progress: Progress,
    ) -> Self {
        Self {
            server,
            index,
            for_index: None,
            house: house.map(Mutex::new),
            scratch,
            progress,
            rebuild: false,
            deep: true,
            open: Arc::default(),
            evidence: None,
            is_local: false,
            pages: Mutex::default(),
            downloads: Semaphore::new(DOWNLOADS),
            resolutions: Semaphore::new(RESOLUTIONS),
            items: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// What came of it, and what is to be said besides.
    pub fn into_report(self) -> (Vec<Item>, Vec<String>) {
        let (mut items, warnings) = (self.items_so_far(), self.warnings.into_inner());
        items.sort_by(|a, b| (&a.name, &a.target).cmp(&(&b.name, &b.target)));
        (items, warnings)
    }

    /// What came of it until now, under the names that wheels have by now.
    pub(super) fn items_so_far(&self) -> Vec<Item> {
        let mut items = self.items.lock().clone();
        if let Some(house) = &self.house {
            // A later build may have narrowed the tags of an earlier one's wheel.
            for item in &mut items {
                item.wheel = item.wheel.take().and_then(|name| house.lock().name_now(&name, &item.target));
            }
        }
        items
    }

    pub fn warn(&self, text: &str) {
        let mut warnings = self.warnings.lock();
        if !warnings.iter().any(|known| known == text) {
            self.progress.say(&format!("warning: {text}"));
            warnings.push(text.to_owned());
        }
    }

    /// Everything for one target.
    pub async fn target(
        &self,
        target: &Target,
        roots: &[WantedBy],
        constraints: &[WantedBy],
        supplies: &[Supply],
    ) {
        // They come first, since no index knows their versions and what they require.
        let sources = self.named_sources(target, supplies).await;
        let of_sources = sources.values().flat_map(|source| source.requires(target)).filter(|_| self.deep);
        let applies = |want: &&WantedBy| want.requirement.applies(&target.markers, &BTreeSet::new());
        let wants = roots.iter().filter(applies).cloned().chain(of_sources);
        let (elsewhere, wants): (Vec<_>, Vec<_>) = wants.partition(|want| want.requirement.url.is_some());
        for want in elsewhere {
            let why = bad!("{}: add that URL to what you build", want.describe());
            self.note_failed(target, want.requirement.name.as_str(), why.into());
        }
        let (of_named, wants) =
            wants.into_iter().partition(|want| sources.contains_key(&want.requirement.name));
        let limits = constraints.iter().filter(applies).map(|limit| limit.requirement.clone()).collect();
        let mut choices = self.versions(&TargetDemand { target, wants, limits }).await;
        choices.retain(|choice| !sources.contains_key(&choice.project));
        let asked: BTreeSet<&ProjectName> = roots.iter().map(|want| &want.requirement.name).collect();
        let got = choices.iter().map(|choice| self.choose(target, choice, asked.contains(&choice.project)));
        let got = choices.iter().zip(join_all(got).await).filter_map(|(choice, got)| {
            got.map_err(|failed| self.note_failed(target, choice.project.as_str(), failed)).ok()
        });
        let got: Vec<Got> = got.collect();
        let broken = broken_by(target, &sources, of_named, &got);
        for (project, source) in sources {
            match broken.get(&project) {
                Some(want) => {
                    let version = &source.got.wheel.version;
                    let why =
                        bad!("{project} is {version}, from the source you named, but {}", want.describe());
                    self.note_failed(target, project.as_str(), why.into());
                }
                None => self.keep(target, source.got),
            }
        }
        got.into_iter().for_each(|got| self.keep(target, got));
    }

    /// Builds of folders, repositories and archives.
    async fn named_sources(
        &self,
        target: &Target,
        supplies: &[Supply],
    ) -> BTreeMap<ProjectName, BuiltSource> {
        let nobody = BTreeSet::new();
        let wanted = supplies.iter().filter(|supply| {
            let condition = supply.source.condition.as_ref();
            condition.is_none_or(|requirement| requirement.applies(&target.markers, &nobody))
        });
        let built =
            join_all(wanted.map(|supply| async move { (supply, self.named_source(target, supply).await) }));
        let mut sources = BTreeMap::new();
        for (supply, result) in built.await {
            match result {
                Ok(got) => {
                    let extras = supply.source.extras.clone();
                    let project = got.wheel.project.clone();
                    match sources.entry(project) {
                        Entry::Vacant(place) => drop(place.insert(BuiltSource { got, extras })),
                        Entry::Occupied(first) => self.note_second(target, &first.get().got, &got),
                    }
                }
                Err(failed) => self.note_failed(target, &supply.source.shown, failed),
            }
        }
        sources
    }

    /// Two sources are of one project: only one of them can be installed.
    fn note_second(&self, target: &Target, first: &Got, second: &Got) {
        let sha256 = |got: &Got| got.path.as_ref().and_then(|path| hex::file_sha256(path).ok());
        if first.wheel.filename == second.wheel.filename && sha256(first) == sha256(second) {
            return;
        }
        let why = bad!(
            "it is {} {}, and {} is {} {} already: name one of them",
            second.wheel.project,
            second.wheel.version,
            first.source,
            first.wheel.project,
            first.wheel.version
        );
        self.note_failed(target, &second.source, why.into());
    }

    /// The wheel of a project in a version that will do.
    async fn choose(&self, target: &Target, choice: &VersionChoice, is_asked: bool) -> Result<Got, Failed> {
        let VersionChoice { project, specifiers } = choice;
        if let Some(house) = self.house.as_ref().filter(|_| !(self.rebuild && is_asked))
            && let Some(wheel) = house.lock().best(project, specifiers, target)
        {
            return Ok(Got::new(wheel, WheelOutcome::Held, None));
        }
        let page = self.page(project).await?;
        let page = page.get().and_then(Option::as_ref);
        let page = page.ok_or_else(|| missing!("{} has no project {project}", self.index))?;
        let published = without_other_builds(page);
        let chooser = target.chooser();
        let wheel = chooser.wheel(&published, specifiers);
        let sdist = chooser.sdist(page, specifiers);
        match (wheel, sdist) {
            (_, Ok(sdist)) if self.rebuild && is_asked => {
                self.build_listed(target, project, &sdist, true).await
            }
            (Some(wheel), Ok(sdist)) if sdist.version > wheel.version => {
                self.build_listed(target, project, &sdist, false).await
            }
            (Some(wheel), _) => {
                if self.rebuild && is_asked {
                    let version = &wheel.version;
                    self.warn(&format!(
                        "{project} {version} has no source: its wheel is fetched, not built again"
                    ));
                }
                self.fetch(target, &wheel).await
            }
            (None, Ok(sdist)) => self.build_listed(target, project, &sdist, false).await,
            (None, Err(why)) => Err(missing!("{why}, and the index has no wheel for {}", target.name).into()),
        }
    }

    /// A page, asked for once.
    async fn page(&self, project: &ProjectName) -> Result<Arc<OnceCell<Option<Page>>>> {
        let cell = self.pages.lock().entry(project.clone()).or_default().clone();
        cell.get_or_try_init(|| self.server.page(&self.index, project)).await?;
        Ok(cell)
    }

    async fn fetch(&self, target: &Target, found: &FoundFile<'_>) -> Result<Got, Failed> {
        let Ok(_turn) = self.downloads.acquire().await else {
            return Err(bad!("the command is stopping").into());
        };
        let filename = &found.file.filename;
        let line = self.progress.begin(&format!("{filename} {}", target.name), "fetch");
        let url = url::Url::parse(found.file.link()).map_err(Error::internal)?;
        let path = self.scratch.unused();
        match &found.file.hashes.sha256 {
            Some(sha256) => self.server.download_exactly(&url, sha256, &path).await?,
            None => drop(self.server.download(&url, &path).await?),
        }
        let wheel = house::read(&path, filename)?;
        let seconds = line.seconds();
        line.end(&format!("fetched in {seconds:.1} s"));
        let source = format!("the index {}", self.index);
        Ok(Got { seconds, source, ..Got::new(wheel, WheelOutcome::Fetched, Some(path)) })
    }

    async fn build_listed(
        &self,
        target: &Target,
        project: &ProjectName,
        found: &FoundFile<'_>,
        rebuild: bool,
    ) -> Result<Got, Failed> {
        let requirement = format!("{project}=={}", found.version);
        let label = format!("{project} {} {}", found.version, target.name);
        let order = BuildOrder { requirement: Some(requirement), rebuild, ..self.order(target) };
        let built = self.built(&label, order).await;
        let source = format!("{project} {} of {}", found.version, self.index);
        let built = built.map(|got| Got { source, ..got });
        built.map_err(|failed| Failed { version: Some(found.version.to_string()), ..failed })
    }

    async fn named_source(&self, target: &Target, supply: &Supply) -> Result<Got, Failed> {
        let label = format!("{} {}", supply.source.shown, target.name);
        let brought = supply.bring(&self.server, &self.scratch, |warning| {
            self.warn(&format!("{}: {warning}", supply.source.shown));
        });
        let source = supply.source.shown.clone();
        match brought.await? {
            Brought::Wheel { path, filename } => {
                if target.accepts(&filename).is_none() {
                    return Err(bad!("{filename} is not a wheel for {}", target.name).into());
                }
                let copy = self.scratch.unused();
                tokio::fs::copy(&path, &copy).await.map_err(Error::from)?;
                let wheel = house::read(&copy, &filename)?;
                Ok(Got { source, ..Got::new(wheel, WheelOutcome::Fetched, Some(copy)) })
            }
            Brought::Uploaded { sha256, about } => {
                let order = BuildOrder { rebuild: self.rebuild, ..self.order(target) };
                let got = self.built(&label, order.of_source(sha256, about)).await?;
                Ok(Got { source, ..got })
            }
        }
    }

    fn order(&self, target: &Target) -> BuildOrder {
        BuildOrder {
            targets: vec![target.name.clone()],
            index: self.for_index.clone(),
            from: Some(self.index.clone()),
            wait: true,
            ..BuildOrder::default()
        }
    }

    /// Brings what was chosen into the wheelhouse.
    fn keep(&self, target: &Target, got: Got) {
        for text in &got.wheel.unreadable {
            self.warn(&format!(
                "{}: wheelwright ignores the invalid requirement {text:?}",
                got.wheel.filename
            ));
        }
        let name = got.wheel.project.to_string();
        let mut filename = got.wheel.filename.clone();
        if let (Some(house), Some(path)) = (&self.house, &got.path) {
            let origin = match got.outcome {
                WheelOutcome::Built | WheelOutcome::Unpublished => Origin::Built(target),
                _ => Origin::Published,
            };
            let mut house = house.lock();
            let before = house.before(&filename);
            match house.take(path, &filename, origin) {
                Ok(wheel) => filename = wheel.filename,
                Err(error) => {
                    drop(house);
                    return self.note_failed(target, &name, error.into());
                }
            }
            let replaced = house.replaced(before, &filename, &got.source);
            drop(house);
            if let Some(whose) = replaced {
                self.warn(&format!(
                    "{filename} replaces the wheel of that name in the wheelhouse, which came from {whose}"
                ));
            }
        }
        self.items.lock().push(Item {
            name,
            version: Some(got.wheel.version.to_string()),
            target: target.name.clone(),
            outcome: got.outcome,
            wheel: Some(filename),
            build: got.build,
            log: None,
            requirement_logs: Vec::new(),
            failure: None,
            message: got.message,
            seconds: got.seconds,
            ran: got.ran,
        });
    }

    pub(super) fn note_failed(&self, target: &Target, name: &str, failed: Failed) {
        let item = Item {
            name: name.to_owned(),
            version: failed.version,
            target: target.name.clone(),
            outcome: WheelOutcome::Failed,
            wheel: None,
            build: failed.build,
            log: failed.logs.log,
            requirement_logs: failed.logs.needs,
            failure: failed.failure,
            message: failed.message,
            seconds: failed.seconds,
            ran: failed.ran,
        };
        let version = item.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        self.progress.say(&format!("{name}{version} {}: {}", target.name, item.complaint().join("\n")));
        self.items.lock().push(item);
    }
}

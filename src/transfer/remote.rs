//! Projects of another index, by its pages: every file with its hash, and what is yanked.

use super::bring::{Bringer, BroughtFile};
use super::{Destination, ProgressWatch, TransferReport};
use crate::config::secret_url::SecretUrl;
use crate::error::{Error, Result};
use crate::index::manage::Yank;
use crate::index::mirror::{OtherDigests, agreed_size, differing};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, Page, Yanked};
use crate::packaging::version;
use crate::store::{Spool, SpooledDigests};
use crate::tools::pace::Meter;
use crate::upstream::client::{Trust, failure, shown};
use crate::upstream::pages::{self, FetchedPage, Reply, UpstreamKind, Validators};
use crate::upstream::{UpstreamClient, UpstreamSource, files};
use crate::words::FileKind;
use crate::{bad, bad_upstream, timed_out};
use futures::StreamExt;
use std::collections::BTreeMap;
use url::Url;

/// Files that are fetched at once.
const AT_ONCE: usize = 4;

/// Takes what an index has of these projects, or of all, and the index `into` lacks.
///
/// # Errors
/// `BadUpstream`, `Unavailable`, `Timeout` if the index cannot be read at all; `Missing` if there is no `into`.
pub async fn import(
    to: Destination<'_>,
    url: &SecretUrl,
    projects: &[ProjectName],
    into: &IndexName,
    watch: ProgressWatch<'_>,
) -> Result<TransferReport> {
    let mut bringer = Bringer::new(to, into).await?;
    let source = Remote::open(to, url, projects.is_empty()).await?;
    let names = match projects {
        [] => source.names()?,
        named => named.to_vec(),
    };
    let total = names.len() as u64;
    for (done, project) in names.iter().enumerate() {
        watch(project.as_str(), done as u64, total);
        match source.page(project).await {
            Ok(Some(page)) => source.project(&mut bringer, project, &page).await?,
            Ok(None) => bringer.report.refuse(project, format!("{} has no such project", shown(&source.url))),
            Err(why) => bringer.report.refuse(project, why),
        }
    }
    Ok(bringer.report)
}

/// The index that is read.
struct Remote {
    client: UpstreamClient,
    source: UpstreamSource,
    /// With a slash at its end.
    url: Url,
    /// The page at its URL, if that was wanted.
    root: Option<FetchedPage>,
    page_limit: u64,
    largest: u64,
    pace: crate::tools::pace::Pace,
}

/// A file to fetch, and what became of it.
type Fetched<'a> = (&'a File, Result<(Spool, SpooledDigests)>);

impl Remote {
    async fn open(to: Destination<'_>, url: &SecretUrl, wants_root: bool) -> Result<Self> {
        let mut url = url.expose().clone();
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad!("{} is not the URL of an index: write http://… or https://…", shown(&url)));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("");
        }
        let source = UpstreamSource::new(&url, Trust::Operator);
        let mut remote = Self {
            client: UpstreamClient::new(to.config)?,
            url: source.url.clone(),
            source,
            root: None,
            page_limit: to.config.limits.upstream_page,
            largest: to.config.mirror.largest,
            pace: to.config.mirror.pace(),
        };
        if wants_root {
            let root = remote.fetch(&remote.url).await?;
            remote.root = Some(root.ok_or_else(|| bad_upstream!("{} has no page", shown(&remote.url)))?);
        }
        Ok(remote)
    }

    async fn fetch(&self, url: &Url) -> Result<Option<FetchedPage>> {
        let known = Validators::default();
        match pages::fetch(&self.client, &self.source, url, &known, self.page_limit).await? {
            Reply::Page(page) => Ok(Some(page)),
            Reply::Missing | Reply::NotModified => Ok(None),
            Reply::Refused(why) => Err(why),
        }
    }

    fn names(&self) -> Result<Vec<ProjectName>> {
        let Some(root) = &self.root else { return Ok(Vec::new()) };
        let names = match root.kind() {
            Some(UpstreamKind::Flat) => root.flat_names(),
            Some(UpstreamKind::Simple) => root.names()?,
            None => {
                return Err(bad_upstream!(
                    "{} is neither a simple index nor a page of files: most indexes' URLs end in /simple/",
                    shown(&self.url)
                ));
            }
        };
        Ok(names.iter().filter_map(ProjectName::new).collect())
    }

    async fn page(&self, project: &ProjectName) -> Result<Option<Page>> {
        if let Some(root) = self.root.as_ref().filter(|root| root.kind() == Some(UpstreamKind::Flat)) {
            return root.flat_page(project);
        }
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(project.as_str()).push("");
        }
        match self.fetch(&url).await? {
            Some(page) => page.into_page(project.clone(), None).await.map(Some),
            None => Ok(None),
        }
    }

    async fn project(&self, bringer: &mut Bringer<'_>, project: &ProjectName, page: &Page) -> Result<()> {
        let mut wanted = Vec::new();
        for file in &page.files {
            if self.is_wanted(bringer, project, file).await? {
                wanted.push(file);
            }
        }
        if bringer.to.dry_run {
            bringer.report.added.files += wanted.len() as u64;
            bringer.report.added.bytes += wanted.iter().filter_map(|file| file.size).sum::<u64>();
            return Ok(());
        }
        let store = bringer.to.store.clone();
        let fetching = wanted.into_iter().map(|file| {
            let store = &store;
            async move { (file, self.download(store, file).await) }
        });
        let fetching: Vec<_> = fetching.collect();
        let mut fetched = futures::stream::iter(fetching).buffered(AT_ONCE);
        while let Some((file, outcome)) = fetched.next().await {
            self.take(bringer, project, (file, outcome)).await?;
        }
        self.yank(bringer, project, page).await
    }

    /// Whether the file is to be fetched; what is not is told of.
    async fn is_wanted(&self, bringer: &mut Bringer<'_>, project: &ProjectName, file: &File) -> Result<bool> {
        let filename = file.filename.as_str();
        let what = format!("{project}: {filename}");
        let is_distribution = matches!(file.filename.kind(), FileKind::Sdist | FileKind::Wheel);
        if !is_distribution || file.filename.version().is_none() {
            bringer.report.note(what, "was left out: it is not a wheel or an sdist with a valid version");
            return Ok(false);
        }
        let known = bringer.to.db.file_of_any_spelling(&bringer.into, filename).await?;
        let (Some(known), Some(told)) = (known, &file.hashes.sha256) else { return Ok(true) };
        if known.deleted_at.is_some() {
            bringer.report.note(what, "was deleted here, and stays so");
        } else if known.sha256 == *told {
            bringer.is_here(known.size);
        } else {
            let why = format!("{} has another file of this name, which stays", bringer.into);
            bringer.report.refuse(what, why);
        }
        Ok(false)
    }

    async fn download(&self, store: &crate::store::Store, file: &File) -> Result<(Spool, SpooledDigests)> {
        let url = Url::parse(file.link()).map_err(|why| bad_upstream!("its link is not a URL: {why}"))?;
        let mut response = files::open(&self.client, &self.source, &url).await?;
        let size = agreed_size(&url, file.size, response.content_length())?;
        let limit = size.unwrap_or(u64::MAX).min(self.largest);
        let mut others = OtherDigests::new(&file.hashes);
        let mut spool = store.spool().await?;
        let mut meter = Meter::new(self.pace);
        loop {
            let piece = meter.wait(response.chunk()).await;
            let piece = piece.map_err(|slow| timed_out!("{} is too slow: {slow}", shown(&url)))?;
            let Some(piece) = piece.map_err(|error| failure(&url, &error))? else { break };
            meter.came(piece.len() as u64);
            if spool.size() + piece.len() as u64 > limit {
                return Err(bad_upstream!("{} is longer than {limit} bytes", shown(&url)));
            }
            others.update(&piece);
            spool.write(piece).await?;
        }
        if size.is_some_and(|size| size != spool.size()) {
            return Err(bad_upstream!("{} stopped after {} bytes", shown(&url), spool.size()));
        }
        let digests = spool.finish().await?;
        match differing(&file.hashes, &digests, &others) {
            None => Ok((spool, digests)),
            Some(wrong) => Err(bad_upstream!(
                "{} has {} {}, but its page says {}",
                shown(&url),
                wrong.algorithm,
                wrong.found,
                wrong.told
            )),
        }
    }

    async fn take(
        &self,
        bringer: &mut Bringer<'_>,
        project: &ProjectName,
        (file, outcome): Fetched<'_>,
    ) -> Result<()> {
        let filename = file.filename.as_str();
        let what = format!("{project}: {filename}");
        let (spool, digests) = match outcome {
            Ok(fetched) => fetched,
            // The disk and the database are ours.
            Err(error @ (Error::Full(_) | Error::Internal(_))) => return Err(error),
            Err(why) => {
                bringer.report.refuse(what, why);
                return Ok(());
            }
        };
        let version = file.filename.canonical_version().unwrap_or_default();
        let kind = file.filename.kind();
        bringer.bring(BroughtFile { what: &what, project, version, kind, filename, spool, digests }).await
    }

    /// A release is yanked here as a whole: if all of its files are.
    async fn yank(&self, bringer: &mut Bringer<'_>, project: &ProjectName, page: &Page) -> Result<()> {
        let mut releases: BTreeMap<&str, Vec<&Yanked>> = BTreeMap::new();
        for file in &page.files {
            if let Some(version) = file.filename.canonical_version() {
                releases.entry(version).or_default().push(&file.yanked);
            }
        }
        let here = bringer.to.db.releases(&bringer.into, project).await?;
        for (text, files) in releases {
            let Some(reason) = files.iter().find_map(|yanked| yanked.why()) else { continue };
            let Some(known) = here.iter().find(|known| version::same(&known.version, text)) else { continue };
            if !files.iter().all(|yanked| yanked.is_yanked()) {
                let why = "only some of its files are yanked there: it was not yanked here";
                bringer.report.note(format!("{project} {text}"), why);
            } else if known.yanked_at.is_none() {
                let yank = Yank::Yes(Some(reason.to_owned()).filter(|reason| !reason.is_empty()));
                let index = bringer.index()?;
                bringer.to.indexes.yank(&bringer.who, index, project, &known.version, &yank).await?;
            }
        }
        Ok(())
    }
}

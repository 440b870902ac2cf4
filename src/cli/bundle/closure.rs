//! The files that a target needs: found by the server's resolver, built where they exist only as source.

use super::wanted::{BundleWishes, TargetWishes};
use crate::build::target::Target;
use crate::cli::client::Shown;
use crate::cli::progress::Progress;
use crate::client::{ServerClient, WheelsProxy};
use crate::error::{Error, Result, clipped};
use crate::names::{IndexName, ProjectName};
use crate::packaging::bundle::{BundledFile, BundledKind, Carried, RefusedRequest};
use crate::packaging::filename::{ListedFilename, decode_once};
use crate::packaging::page::{File, Page};
use crate::packaging::reqfile;
use crate::packaging::requirement::Requirement;
use crate::words::{FileKind, OlderVersions};
use crate::{bad, forbidden};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// Pages that are asked for at once.
pub const PAGES: usize = 8;
/// Characters of a refusal that are kept.
const LONGEST_WHY: usize = 2000;

/// A file that is yet to be fetched. Size and hash are those of its page, where that has them.
#[derive(Clone, Debug)]
pub struct GatheredFile {
    pub file: BundledFile,
    pub url: Url,
    pub target: String,
}

/// Which private projects may leave.
#[derive(Debug, Default)]
pub struct PrivateNames {
    pub all: bool,
    pub names: BTreeSet<ProjectName>,
}

/// Finds files on one index of one server.
pub struct Gatherer<'a> {
    pub server: &'a ServerClient,
    pub index: &'a IndexName,
    pub progress: &'a Progress,
    pub private: &'a PrivateNames,
    pub constraints: &'a [Requirement],
    /// What lock files say of files, by file name.
    pub hashes: &'a BTreeMap<String, String>,
    owners: Mutex<BTreeMap<IndexName, FileOwner>>,
}

/// Whose files stand at the URLs of an index.
#[derive(Clone, Copy)]
enum FileOwner {
    Mirror,
    /// Its own, and those of its mirrors that were approved.
    Curated,
    /// Its own, as far as anybody tells.
    Stage,
}

impl<'a> Gatherer<'a> {
    pub fn new(
        (server, index): (&'a ServerClient, &'a IndexName),
        progress: &'a Progress,
        private: &'a PrivateNames,
        wishes: &'a BundleWishes,
    ) -> Self {
        let BundleWishes { constraints, hashes, .. } = wishes;
        Self { server, index, progress, private, constraints, hashes, owners: Mutex::default() }
    }

    /// All files for a target. What the other side asked for and cannot get is refused, and the rest goes on without
    /// it.
    ///
    /// # Errors
    /// What the server says against the rest, and `Forbidden` with private projects that nobody named.
    pub async fn files(
        &self,
        target: &Target,
        wishes: &TargetWishes,
    ) -> Result<(Vec<GatheredFile>, Vec<RefusedRequest>)> {
        let all = [&wishes.lines[..], &wishes.asked].concat();
        match self.attempt(target, &all, &wishes.pins).await {
            Err(error) if is_answer(&error) && !wishes.asked.is_empty() => {}
            done => return Ok((done?, Vec::new())),
        }
        let (mut kept, mut refused) = (wishes.lines.clone(), Vec::new());
        for line in &wishes.asked {
            // With all that comes along already: two that exclude each other must not fail the bundle.
            let with_it = [&kept[..], std::slice::from_ref(line)].concat();
            let why = match self.attempt(target, &with_it, &wishes.pins).await {
                Ok(_) => {
                    kept = with_it;
                    continue;
                }
                // Which private projects there are is nobody's business on the other side.
                Err(error @ Error::Forbidden(_)) => {
                    self.progress.say(&format!("warning: {line}: {error}"));
                    "it, or something that it needs, is not available for bundles".to_owned()
                }
                Err(error) if is_answer(&error) => clipped(&error.to_string(), LONGEST_WHY),
                Err(error) => return Err(error),
            };
            refused.push(RefusedRequest { requirement: line.clone(), target: target.name.clone(), why });
        }
        Ok((self.attempt(target, &kept, &wishes.pins).await?, refused))
    }

    /// The files of requirements and pins.
    pub async fn attempt(
        &self,
        target: &Target,
        lines: &[String],
        pins: &[String],
    ) -> Result<Vec<GatheredFile>> {
        if lines.is_empty() && pins.is_empty() {
            return Ok(Vec::new());
        }
        let proxy = WheelsProxy::of(self.server, self.index.as_str(), &target.name);
        let mut all: BTreeSet<String> = pins.iter().cloned().collect();
        if !lines.is_empty() {
            let text = proxy.compile(lines, &[], self.constraints, OlderVersions::Refuse).await?;
            all.extend(reqfile::pins(&text));
        }
        let all: Vec<String> = all.into_iter().collect();
        let urls = Shown::new(&proxy, self.progress).resolve(&all).await?;
        let found = futures::stream::iter(&urls).map(|line| self.found(&proxy, line));
        let found: Vec<GatheredFile> = found.buffered(PAGES).try_collect().await?;
        self.refuse_unfit(&found)?;
        Ok(found)
    }

    /// Refuses private projects that nobody named, and files that are not those of the lock files.
    pub fn refuse_unfit(&self, found: &[GatheredFile]) -> Result<()> {
        self.refuse_private(found)?;
        self.refuse_unlocked(found)
    }

    /// The sdist of a release, if the index has one.
    pub async fn sdist(&self, target: &Target, of: &BundledFile) -> Result<Option<GatheredFile>> {
        let (Some(project), Some(version)) = (&of.project, &of.version) else { return Ok(None) };
        let proxy = WheelsProxy::of(self.server, self.index.as_str(), &target.name);
        let Some(page) = self.page(&proxy, project).await? else { return Ok(None) };
        let is_it = |file: &&File| {
            file.filename.kind() == FileKind::Sdist && file.filename.canonical_version() == Some(version)
        };
        let Some(listed) = page.files.iter().find(is_it) else { return Ok(None) };
        let url = Url::parse(listed.link()).map_err(|error| bad!("{}: {error}", listed.link()))?;
        self.describe(&proxy, &url, Some(listed), project).await.map(Some)
    }

    /// A file that the server resolved a line to.
    async fn found(&self, proxy: &WheelsProxy, line: &str) -> Result<GatheredFile> {
        let url = Url::parse(line).map_err(|_| bad!("{line:?} did not resolve to a URL"))?;
        let filename = filename(&url)?;
        let project = crate::packaging::filename::project_of(&filename);
        let project = project.ok_or_else(|| bad!("{filename} does not name a project"))?;
        let page = self.page(proxy, &project).await?;
        let listed =
            page.as_ref().and_then(|page| page.files.iter().find(|file| file.filename == filename.as_str()));
        self.describe(proxy, &url, listed, &project).await
    }

    async fn page(&self, proxy: &WheelsProxy, project: &ProjectName) -> Result<Option<Page>> {
        proxy.server.page(&proxy.address.place(), project).await
    }

    async fn describe(
        &self,
        proxy: &WheelsProxy,
        url: &Url,
        listed: Option<&File>,
        project: &ProjectName,
    ) -> Result<GatheredFile> {
        let filename = filename(url)?;
        let parsed = ListedFilename::parse(project, &filename);
        let version = parsed.as_ref().and_then(ListedFilename::canonical_version);
        let version = version.ok_or_else(|| bad!("{filename} does not name a version"))?;
        let told = url.fragment().and_then(|text| text.strip_prefix("sha256=")).map(str::to_ascii_lowercase);
        let sha256 = told.or_else(|| listed.and_then(|file| file.hashes.sha256.clone()));
        let sha256 = sha256.or_else(|| self.hashes.get(&filename).cloned());
        let mut plain = url.clone();
        plain.set_fragment(None);
        let file = BundledFile {
            kind: if filename.ends_with(".whl") { BundledKind::Wheel } else { BundledKind::Sdist },
            project: Some(project.clone()),
            version: Some(version.to_owned()),
            size: listed.and_then(|file| file.size).unwrap_or_default(),
            sha256: sha256.unwrap_or_default(),
            from: if self.is_mirrored(url, project).await { Carried::Mirror } else { Carried::Private },
            requires_python: listed.and_then(|file| file.requires_python.clone()),
            yanked: listed.and_then(|file| file.yanked.why()).map(str::to_owned),
            evidence: None,
            filename,
        };
        Ok(GatheredFile { file, url: plain, target: proxy.target.clone() })
    }

    /// Whether a file comes from another index by way of a mirror. Where nobody says so it is taken for private.
    async fn is_mirrored(&self, url: &Url, project: &ProjectName) -> bool {
        let Some(index) = index_of(self.server, url) else { return false };
        match self.files_at(&index).await {
            FileOwner::Mirror => true,
            FileOwner::Stage => false,
            FileOwner::Curated => self.server.has_project(&index, project).await.is_ok_and(|own| !own),
        }
    }

    async fn files_at(&self, index: &IndexName) -> FileOwner {
        let known = self.owners.lock().get(index).copied();
        if let Some(known) = known {
            return known;
        }
        let owner = match self.server.index_options(index).await {
            Ok(options) if options.kind == "mirror" => FileOwner::Mirror,
            Ok(options) if options.more.get("curated").is_some_and(|is| *is == true) => FileOwner::Curated,
            _ => FileOwner::Stage,
        };
        self.owners.lock().insert(index.clone(), owner);
        owner
    }

    /// A file that a lock file names has the bytes that it says. Wheels that are built here have names of their own.
    fn refuse_unlocked(&self, found: &[GatheredFile]) -> Result<()> {
        for GatheredFile { file, .. } in found {
            let locked = self.hashes.get(&file.filename).filter(|locked| **locked != file.sha256);
            if let Some(locked) = locked {
                let (name, sha256) = (&file.filename, &file.sha256);
                return Err(bad!("{name} has sha256 {sha256} on the index, but {locked} in the lock file"));
            }
        }
        Ok(())
    }

    fn refuse_private(&self, found: &[GatheredFile]) -> Result<()> {
        if self.private.all {
            return Ok(());
        }
        let unnamed = found.iter().filter(|found| found.file.from == Carried::Private);
        let unnamed = unnamed.filter_map(|found| found.file.project.as_ref());
        let unnamed: BTreeSet<&ProjectName> =
            unnamed.filter(|name| !self.private.names.contains(*name)).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = unnamed.into_iter().map(ProjectName::as_str).collect();
        let names = names.join(", ");
        Err(forbidden!(
            "these projects are private and nobody named them: {names}. Let them leave with --private NAME"
        ))
    }
}

/// The index of the server that a file's URL names.
pub fn index_of(server: &ServerClient, url: &Url) -> Option<IndexName> {
    let path = url.path().strip_prefix(server.base().path()).filter(|_| server.owns(url))?;
    let mut parts = path.split('/').map(decode_once);
    IndexName::parse(&format!("{}/{}", parts.next()??, parts.next()??))
}

/// Whether a server refused something, and did not just fail.
fn is_answer(error: &Error) -> bool {
    matches!(
        error,
        Error::Bad(_) | Error::Missing(_) | Error::Conflict(_) | Error::Forbidden(_) | Error::Gone(_)
    )
}

fn filename(url: &Url) -> Result<String> {
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).and_then(decode_once);
    last.ok_or_else(|| bad!("{url} does not end with a file name"))
}

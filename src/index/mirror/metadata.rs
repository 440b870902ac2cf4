//! METADATA of mirrored wheels: from the upstream, from the stored wheel, or by ranges of a remote one.

use super::asked::Asked;
use super::listed::{identity, parsed};
use super::state::{Located, MirrorState, Mirrors};
use crate::counters;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::archive::remote::{RemoteRead, Step};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File, Page, Provenance};
use crate::packaging::version::Version;
use crate::tools::hex;
use crate::upstream::files;
use crate::words::FileKind;
use crate::{bad_upstream, missing};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How much is read ahead of anybody's wish for a project whose upstream tells no metadata.
const RELEASES: usize = 2;
const WHEELS: usize = 6;

/// How long no installer needed the upstream before anything is read ahead: an install that runs has
/// the line, and the processors, for itself.
const QUIET: Duration = Duration::from_secs(1);

/// Whom whole wheels count for that are downloaded for their metadata, whoever wants it: all strangers.
const FOR_METADATA: &str = "@metadata";

impl Mirrors {
    /// The wheel's METADATA, byte for byte (PEP 658).
    pub async fn metadata(&self, index: &Index, located: &Located) -> Result<Bytes> {
        let file = &located.file;
        if !file.filename.ends_with(".whl") {
            return Err(missing!("{} is not a wheel: only wheels have metadata", file.filename));
        }
        let asked = Asked::new(&self.0.config, index)?;
        if let Some(bytes) = self.0.kept_metadata(&asked, located).await? {
            return Ok(bytes);
        }
        let key = format!("{} {}", asked.index, file.filename);
        let (inner, located) = (self.0.clone(), located.clone());
        let flight =
            self.0.metadata.join(key, || async move { inner.learn_metadata(&asked, &located).await });
        flight.await.map_err(|error| error.again())
    }

    /// The file's provenance object (PEP 740), as the upstream has it.
    pub async fn provenance(&self, index: &Index, located: &Located) -> Result<Bytes> {
        let asked = Asked::new(&self.0.config, index)?;
        let Provenance::At(url) = &located.file.provenance else {
            return Err(missing!("{} has no provenance", located.file.filename));
        };
        if let Some(bytes) = self.0.provenance.get(url) {
            return Ok(bytes);
        }
        let parsed = Url::parse(url).map_err(|error| {
            bad_upstream!("the provenance URL of {} is invalid: {error}", located.file.filename)
        })?;
        let (inner, key) = (self.0.clone(), url.clone());
        let flight = self.0.metadata.join(url.clone(), || async move {
            if let Some(bytes) = inner.provenance.get(&key) {
                return Ok(bytes);
            }
            let _turn = inner.page_turns.take(&asked.index).await;
            let bytes = files::document(&inner.client, &asked.source, &parsed).await?;
            inner.provenance.insert(key, bytes.clone());
            Ok(bytes)
        });
        flight.await.map_err(|error| error.again())
    }
}

/// Where a wheel's bytes are.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Here, under this sha256.
    Stored(&'a str),
    Remote(&'a Url),
}

impl MirrorState {
    /// METADATA that is here already.
    async fn kept_metadata(&self, asked: &Asked, located: &Located) -> Result<Option<Bytes>> {
        let file = &located.file;
        let row = self.db.file(&asked.index, &file.filename).await?.filter(|row| row.deleted_at.is_none());
        if let Some(sha256) = row.and_then(|row| row.metadata_sha256)
            && let Some(bytes) = self.blob(&sha256, None).await?
        {
            return Ok(Some(bytes));
        }
        let mut known = self.db.remote_metadata(&asked.index, &located.project).await?;
        match known.remove(file.filename.as_str()) {
            Some((of, sha256)) if of == identity(file) => self.blob(&sha256, None).await,
            _ => Ok(None),
        }
    }

    async fn blob(&self, sha256: &str, range: Option<Range<u64>>) -> Result<Option<Bytes>> {
        match self.store.get(sha256, range).await? {
            Some(blob) => blob.whole().await.map(Some),
            None => Ok(None),
        }
    }

    /// Gets METADATA, keeps it, and lets the page tell of it.
    async fn learn_metadata(self: &Arc<Self>, asked: &Asked, located: &Located) -> Result<Bytes> {
        // Whoever looked before it was kept, and came when that flight had landed.
        if let Some(bytes) = self.kept_metadata(asked, located).await? {
            return Ok(bytes);
        }
        let turn = self.page_turns.take(&asked.index).await;
        let mut read = self.read_metadata(asked, located).await;
        drop(turn);
        if let Err(error) = &read
            && !matches!(error, Error::Unavailable(_) | Error::Timeout(_))
            && located.file.core_metadata != CoreMetadata::No
            && let Ok(bytes) = self.metadata_of_download(asked, located).await
        {
            read = Ok(bytes);
        }
        let bytes = read?;
        self.keep_metadata(asked, located, &bytes).await;
        Ok(bytes)
    }

    /// What the upstream advertises comes first. Where that is missing or wrong, the wheel's own is
    /// as good: to stop an installer for it would help nobody.
    async fn read_metadata(self: &Arc<Self>, asked: &Asked, located: &Located) -> Result<Bytes> {
        let file = &located.file;
        let advertised = file.core_metadata != CoreMetadata::No && !self.client.is_offline();
        let url = parsed(file)?;
        let beside = match advertised {
            true => self.metadata_beside(asked, located, &url).await.map(Some),
            false => Ok(None),
        };
        if let Ok(Some(bytes)) = beside {
            return Ok(bytes);
        }
        if let Ok(Some(bytes)) = self.metadata_of_stored(asked, file).await {
            return Ok(bytes);
        }
        match beside {
            Err(error @ (Error::Unavailable(_) | Error::Timeout(_))) => Err(error),
            Err(error) => {
                let (index, filename) = (asked.index.as_str(), file.filename.as_str());
                tracing::warn!(
                    index,
                    filename,
                    %error,
                    "the upstream's metadata file is unusable; reading the metadata from the wheel"
                );
                let own = self.metadata_by_ranges(asked, file, &url).await;
                own.ok().flatten().ok_or(error)
            }
            Ok(_) => self.metadata_by_ranges(asked, file, &url).await?.ok_or_else(|| {
                missing!("the metadata of {} is not available before the file is downloaded", file.filename)
            }),
        }
    }

    /// From the whole wheel, where its parts are not to be had.
    async fn metadata_of_download(self: &Arc<Self>, asked: &Asked, located: &Located) -> Result<Bytes> {
        if self.client.is_offline() {
            return Err(crate::upstream::client::no_copy(&located.file.filename));
        }
        self.downloading(asked, located, FOR_METADATA).await?.end().await?;
        let read = self.metadata_of_stored(asked, &located.file).await?;
        read.ok_or_else(|| missing!("{} has no readable metadata", located.file.filename))
    }

    async fn metadata_of_stored(&self, asked: &Asked, file: &File) -> Result<Option<Bytes>> {
        let row = self.db.file(&asked.index, &file.filename).await?;
        let Some(row) = row.filter(|row| row.deleted_at.is_none()) else { return Ok(None) };
        if file.hashes.sha256.as_ref().is_some_and(|told| *told != row.sha256) {
            return Ok(None);
        }
        self.by_ranges(asked, Place::Stored(&row.sha256), row.size).await
    }

    /// `{url}.metadata`, as the upstream offers it (PEP 658).
    async fn metadata_beside(&self, asked: &Asked, located: &Located, url: &Url) -> Result<Bytes> {
        let file = &located.file;
        let mut beside = url.clone();
        beside.set_path(&format!("{}.metadata", url.path()));
        let bytes = files::document(&self.client, &asked.source, &beside).await?;
        if let CoreMetadata::Sha256(told) = &file.core_metadata {
            let found = hex::sha256(&bytes);
            if found != *told {
                counters::VERIFICATION_FAILURES.one();
                let name = &file.filename;
                return Err(bad_upstream!(
                    "the upstream's metadata of {name} has sha256 {found}, but its page says {told}"
                ));
            }
        } else if !is_metadata_of(&bytes, located) {
            return Err(bad_upstream!(
                "the upstream's metadata of {} does not belong to that file",
                file.filename
            ));
        }
        Ok(bytes)
    }

    async fn metadata_by_ranges(&self, asked: &Asked, file: &File, url: &Url) -> Result<Option<Bytes>> {
        let size = match file.size {
            Some(size) => Some(size),
            None => files::size(&self.client, &asked.source, url).await?,
        };
        let Some(size) = size else { return Ok(None) };
        self.by_ranges(asked, Place::Remote(url), size).await
    }

    /// Reads METADATA of a wheel of `size` bytes. `None`: the ranges are not to be had.
    async fn by_ranges(&self, asked: &Asked, place: Place<'_>, size: u64) -> Result<Option<Bytes>> {
        let (mut plan, mut step) = RemoteRead::start(size);
        loop {
            let range = match step {
                Step::Done(bytes) => return Ok(Some(bytes.into())),
                Step::Need(range) => range,
            };
            let bytes = match place {
                Place::Stored(sha256) => self.blob(sha256, Some(range)).await?,
                Place::Remote(url) => files::range(&self.client, &asked.source, url, range).await?,
            };
            let Some(bytes) = bytes else { return Ok(None) };
            // What installers cannot read either is not our asker's fault.
            step = plan.feed(&bytes).map_err(|error| missing!("cannot read the metadata: {error}"))?;
        }
    }

    async fn keep_metadata(&self, asked: &Asked, located: &Located, bytes: &Bytes) {
        let file = &located.file;
        let (index, project) = (&asked.index, &located.project);
        let kept = match self.store.put(bytes.clone()).await {
            Ok(sha256) => {
                self.db.keep_remote_metadata(index, project, &file.filename, identity(file), &sha256).await
            }
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) if file.core_metadata == CoreMetadata::No => (self.changed)(index, project),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%index, filename = %file.filename, %error, "cannot store metadata");
            }
        }
    }

    /// After a wheel was stored: its metadata becomes known if the upstream does not tell it.
    pub fn after_storing(self: &Arc<Self>, asked: &Asked, located: &Located) {
        if located.file.core_metadata == CoreMetadata::No && located.file.filename.ends_with(".whl") {
            self.learn_later(asked, located.project.clone(), vec![located.file.clone()], false);
        }
    }

    /// After a page was fetched from an upstream that tells no metadata: reads that of the newest
    /// wheels, so that installers need not fetch whole wheels to choose a version.
    pub fn after_fetching(self: &Arc<Self>, asked: &Asked, page: &Page) {
        self.needed();
        let wanted = newest_wheels(page);
        if !wanted.is_empty() {
            self.learn_later(asked, page.name.clone(), wanted, true);
        }
    }

    /// An installer needs the upstream.
    pub fn needed(&self) {
        *self.needed_at.lock() = Instant::now();
    }

    /// Waits until no installer needs the upstream.
    async fn quiet(&self) {
        loop {
            let needed = *self.needed_at.lock();
            match QUIET.checked_sub(needed.elapsed()) {
                None if !self.downloads.any() => return,
                left => tokio::time::sleep(left.unwrap_or(QUIET)).await,
            }
        }
    }

    fn learn_later(self: &Arc<Self>, asked: &Asked, project: ProjectName, wanted: Vec<File>, remote: bool) {
        let (inner, asked) = (self.clone(), asked.clone());
        tokio::spawn(async move {
            let Ok(_turn) = inner.ahead.acquire().await else { return };
            for file in wanted {
                let located = Located { project: project.clone(), file };
                if remote {
                    inner.quiet().await;
                }
                let learnt = match inner.kept_metadata(&asked, &located).await {
                    Ok(Some(_)) => continue,
                    Ok(None) => inner.learn_metadata(&asked, &located).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = learnt {
                    let (index, filename) = (asked.index.as_str(), located.file.filename.as_str());
                    tracing::debug!(index, filename, %error, "cannot fetch metadata ahead of time");
                    // One wheel of an upstream without ranges speaks for the others.
                    return;
                }
            }
        });
    }
}

/// Whether bytes that no hash vouches for are METADATA of the file's project.
fn is_metadata_of(bytes: &[u8], located: &Located) -> bool {
    let name = Metadata::parse(bytes).ok().and_then(|metadata| ProjectName::new(&metadata.name));
    name.as_ref() == Some(&located.project)
}

/// The wheels whose metadata somebody will want first: of the newest releases, those for any
/// platform before those for one. None if the upstream tells metadata itself.
fn newest_wheels(page: &Page) -> Vec<File> {
    if page.files.iter().any(|file| file.core_metadata != CoreMetadata::No) {
        return Vec::new();
    }
    let wheels = page.files.iter().filter(|file| file.filename.kind() == FileKind::Wheel);
    let wheels = wheels.filter(|file| !file.yanked.is_yanked());
    let mut wheels: Vec<(&Version, &File)> =
        wheels.filter_map(|file| Some((file.filename.version()?, file))).collect();
    let rank = |filename: &str| {
        if filename.ends_with("-none-any.whl") {
            0
        } else if filename.contains("manylinux") && filename.contains("x86_64") {
            1
        } else {
            2
        }
    };
    wheels.sort_by(|(a, one), (b, other)| {
        let newest = b.cmp(a);
        newest
            .then_with(|| rank(&one.filename).cmp(&rank(&other.filename)))
            .then_with(|| other.filename.as_str().cmp(&one.filename))
    });
    let mut releases: Vec<&Version> = wheels.iter().map(|(version, _)| *version).collect();
    releases.dedup();
    let last = releases.get(RELEASES.min(releases.len()).saturating_sub(1)).copied();
    let wanted = wheels.into_iter().filter(|(version, _)| last.is_some_and(|last| *version >= last));
    let mut taken: Vec<File> = wanted.map(|(_, file)| file.clone()).collect();
    // Fairly: without this a release with sixty wheels would leave none for the one before.
    taken.sort_by_key(|file| rank(&file.filename));
    taken.truncate(WHEELS);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(filenames: &[&str]) -> Page {
        let mut page = Page::new(ProjectName::new("demo").unwrap());
        page.files = filenames.iter().map(|name| File::named(&page.name, name)).collect();
        page
    }

    #[test]
    fn the_newest_releases_wheels_are_read_ahead_and_those_for_all_platforms_first() {
        let page = page(&[
            "demo-1.0-py3-none-any.whl",
            "demo-2.0-cp312-cp312-win_amd64.whl",
            "demo-2.0-py3-none-any.whl",
            "demo-10.0.tar.gz",
            "demo-10.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        ]);
        let names: Vec<_> = newest_wheels(&page).into_iter().map(|file| file.filename).collect();
        assert_eq!(
            names,
            [
                "demo-2.0-py3-none-any.whl",
                "demo-10.0-cp312-cp312-manylinux_2_17_x86_64.whl",
                "demo-2.0-cp312-cp312-win_amd64.whl"
            ]
        );
    }

    #[test]
    fn nothing_is_read_ahead_where_the_upstream_tells_metadata() {
        let mut page = page(&["demo-1.0-py3-none-any.whl"]);
        assert_eq!(newest_wheels(&page).len(), 1);
        page.files[0].core_metadata = CoreMetadata::Yes;
        assert!(newest_wheels(&page).is_empty());
    }
}

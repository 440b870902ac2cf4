//! A file on its way from the upstream: one request, spooled and hashed, streamed to all who wait.

use super::asked::Asked;
use super::listed::parsed;
use super::running::{AnswerHead, DownloadProgress, HELD_BACK, Landing, Waiting};
use super::state::{Located, MirrorState, Mirrors};
use super::verify::{OtherDigests, agreed_size, verify};
use crate::config::units::show_bytes;
use crate::db::files::StoredFile;
use crate::error::{Error, Result};
use crate::packaging::opens;
use crate::store::{Spool, SpooledDigests};
use crate::tools::pace::Meter;
use crate::upstream::client::{failure, shown};
use crate::upstream::files;
use crate::{bad_upstream, timed_out};
use crate::{config, counters};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use url::Url;

/// Bytes, or time, after which those who wait are told of more.
const STEP: (u64, Duration) = (256 << 10, Duration::from_millis(300));

impl MirrorState {
    /// Joins the download of a file, or starts it once it is the asker's turn, as a task that goes on when
    /// all have left. Who waits for a turn holds up nobody who wants the same file and has one.
    ///
    /// # Errors
    /// `Busy` if it is not the asker's turn for long.
    pub async fn downloading(
        self: &Arc<Self>,
        asked: &Asked,
        located: &Located,
        asker: &str,
    ) -> Result<Waiting> {
        let key = format!("{} {}", asked.index, located.file.filename);
        if let Some(progress) = self.downloads.lock().get(&key) {
            return Ok(Waiting(progress.clone()));
        }
        let turn = self.turns.take(&asked.index, asker).await?;
        let mut running = self.downloads.lock();
        if let Some(progress) = running.get(&key) {
            return Ok(Waiting(progress.clone()));
        }
        let (tell, progress) = watch::channel(DownloadProgress::default());
        running.insert(key.clone(), progress.clone());
        let (inner, asked, located) = (self.clone(), asked.clone(), located.clone());
        let landing = Landing(self.downloads.clone(), key);
        tokio::spawn(async move {
            let end = inner.fetch_file(&asked, &located, &tell).await;
            inner.download_ended(&asked, &located).await;
            counters::DOWNLOADS.add(end.is_ok().into());
            if let Err(error) = &end {
                counters::DOWNLOADS_FAILED.one();
                let (index, filename) = (asked.index.as_str(), located.file.filename.as_str());
                tracing::error!(index, filename, %error, "cannot fetch a file from the upstream");
            }
            // Whoever asks after a failure starts anew.
            drop(landing);
            drop(turn);
            let stored = end.is_ok();
            tell.send_modify(|progress| progress.end = Some(end.map(Arc::new).map_err(Arc::new)));
            if stored {
                inner.after_storing(&asked, &located);
            }
        });
        Ok(Waiting(progress))
    }

    async fn fetch_file(
        self: &Arc<Self>,
        asked: &Asked,
        located: &Located,
        tell: &watch::Sender<DownloadProgress>,
    ) -> Result<StoredFile> {
        // Whoever looked before it was stored, and came when that download had ended.
        if let Some(row) = self.is_here(asked, located).await? {
            return Ok(row);
        }
        if let Some(row) = self.fetched_elsewhere(asked, located).await? {
            return Ok(row);
        }
        let file = &located.file;
        let url = parsed(file)?;
        let mut others = OtherDigests::new(&file.hashes);
        let (mut spool, url) = self.spool(asked, located, url, &mut others, tell).await?;
        let digests = spool.finish().await?;
        verify(&url, file, &digests, &others).inspect_err(|_| counters::VERIFICATION_FAILURES.one())?;
        let opened = tell.borrow().file.clone();
        let opened = match opened {
            Some(opened) => opened,
            None => Arc::new(std::fs::File::open(spool.path())?),
        };
        if file.hashes.is_empty() {
            self.check_opens(located, opened.clone()).await?;
        }
        tell.send_modify(|progress| {
            progress.file = Some(opened);
            progress.written = digests.size;
        });
        self.keep(asked, located, spool, digests).await
    }

    pub(super) async fn is_here(&self, asked: &Asked, located: &Located) -> Result<Option<StoredFile>> {
        let row = self.db.file(&asked.index, &located.file.filename).await?;
        let told = located.file.hashes.sha256.as_ref();
        let row = row.filter(|row| row.deleted_at.is_none() && told.is_none_or(|told| *told == row.sha256));
        match row {
            Some(row) if self.store.size(&row.sha256).await?.is_some() => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// Where the upstream's page says now that the file is, if that is another place: links are
    /// signed for a while, and files move.
    async fn moved(self: &Arc<Self>, asked: &Asked, located: &Located) -> Option<Url> {
        let page = Mirrors(self.clone()).project_page(asked, &located.project, true).await.ok()??;
        let known = &located.file;
        let file = page.page.files.iter().find(|file| file.filename == known.filename)?;
        let hashes = file.hashes.sha256.as_ref().zip(known.hashes.sha256.as_ref());
        let same = hashes.is_none_or(|(new, old)| new == old) && file.link() != known.link();
        same.then(|| Url::parse(file.link()).ok())?
    }

    /// Spools the body. One more try if the upstream breaks off before it sent anything, and one at
    /// the place that a fresh page tells. Returns the place, too.
    async fn spool(
        self: &Arc<Self>,
        asked: &Asked,
        located: &Located,
        mut url: Url,
        others: &mut OtherDigests,
        tell: &watch::Sender<DownloadProgress>,
    ) -> Result<(Spool, Url)> {
        let file = &located.file;
        let (mut tries, mut looked) = (0, false);
        loop {
            let response = files::get(&self.client, &asked.source, &url).await?;
            if files::is_refusal(response.status()) && !looked {
                looked = true;
                if let Some(place) = self.moved(asked, located).await {
                    url = place;
                    continue;
                }
            }
            tries += 1;
            let response = files::checked(response, &url)?;
            let size = agreed_size(&url, file.size, response.content_length())
                .inspect_err(|_| counters::VERIFICATION_FAILURES.one())?;
            let mut spool = self.store.spool().await?;
            tell.send_modify(|progress| progress.head = Some(AnswerHead { size }));
            match self.fill(&mut spool, response, &url, size, others, tell).await {
                Ok(()) => return Ok((spool, url)),
                Err(error) if spool.size() == 0 && tries == 1 && is_broken(&error) => {
                    tracing::info!(
                        url = shown(&url),
                        %error,
                        "the upstream closed the connection at once; retrying"
                    );
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn fill(
        &self,
        spool: &mut Spool,
        mut response: reqwest::Response,
        url: &Url,
        size: Option<u64>,
        others: &mut OtherDigests,
        tell: &watch::Sender<DownloadProgress>,
    ) -> Result<()> {
        let limit = size.unwrap_or(u64::MAX).min(self.config.mirror.largest);
        if size.is_some_and(|size| size > limit) {
            return Err(too_long(url, limit));
        }
        let (mut told, mut told_at) = (0, Instant::now());
        let mut haste = Haste::new(&self.config.mirror);
        while let Some(chunk) = haste.next(response.chunk(), tell, url).await? {
            if spool.size() + chunk.len() as u64 > limit {
                return Err(too_long(url, limit));
            }
            counters::DOWNLOAD_BYTES.add(chunk.len() as u64);
            others.update(&chunk);
            spool.write(chunk).await?;
            let some = spool.size() - told >= STEP.0 || told == 0 || told_at.elapsed() >= STEP.1;
            if some && spool.size() > HELD_BACK {
                spool.flush().await?;
                (told, told_at) = (spool.size(), Instant::now());
                publish(spool, told, tell)?;
            }
        }
        match size {
            Some(size) if size != spool.size() => {
                Err(bad_upstream!("{} stopped after {} of {size} bytes", shown(url), spool.size()))
            }
            _ => Ok(()),
        }
    }

    /// Where no hash was promised, the bytes must open as what the file's name says.
    async fn check_opens(&self, located: &Located, opened: Arc<std::fs::File>) -> Result<()> {
        let (project, filename) = (located.project.clone(), located.file.filename.clone());
        let checked =
            tokio::task::spawn_blocking(move || opens::check(&*opened, &project, &filename)).await?;
        checked.map_err(|error| match error {
            Error::Bad(why) => {
                counters::VERIFICATION_FAILURES.one();
                bad_upstream!("the upstream sent an invalid file: {why}")
            }
            other => other,
        })
    }

    /// Bytes first, then the row.
    async fn keep(
        &self,
        asked: &Asked,
        located: &Located,
        spool: Spool,
        digests: SpooledDigests,
    ) -> Result<StoredFile> {
        let row = stored_file(asked, located, &digests);
        if let Err(full) = self.store.has_reserve() {
            tracing::warn!(index = %row.index, filename = row.filename, %full, "passed a file on without storing it");
            return Ok(row);
        }
        let kept = match self.store.keep(spool).await {
            Ok(_) => self.db.keep_mirrored(&row).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(true) => {
                let page_changes = located.file.hashes.sha256.is_none();
                if page_changes {
                    (self.changed)(&asked.index, &located.project);
                }
            }
            Ok(false) => tracing::warn!(
                index = %row.index,
                filename = row.filename,
                sha256 = row.sha256,
                "cannot store a file: the index was deleted, or has another file of this name"
            ),
            // The bytes are right, and those who wait for them get them.
            Err(error) => tracing::error!(
                index = %row.index,
                filename = row.filename,
                %error,
                "cannot store a verified file; the server will fetch it again"
            ),
        }
        Ok(row)
    }
}

fn too_long(url: &Url, limit: u64) -> Error {
    let limit = show_bytes(limit);
    bad_upstream!("{} is longer than {limit} (setting mirror.largest)", shown(url))
}

/// How much a download that nobody waits for must be faster.
const UNWAITED: u64 = 16;

/// What is demanded of a download, so that none holds its place for ever.
struct Haste {
    meter: Meter,
    rate: u64,
    until: tokio::time::Instant,
    longest: Duration,
}

impl Haste {
    fn new(config: &config::MirrorSettings) -> Self {
        let longest = Duration::from_secs(config.longest);
        let until = tokio::time::Instant::now() + longest;
        Self { meter: Meter::new(config.pace()), rate: config.slowest, until, longest }
    }

    /// The next piece, if it comes in time.
    async fn next(
        &mut self,
        piece: impl Future<Output = reqwest::Result<Option<Bytes>>>,
        tell: &watch::Sender<DownloadProgress>,
        url: &Url,
    ) -> Result<Option<Bytes>> {
        // One receiver is on the list for those who come.
        let waited_for = tell.receiver_count() > 1;
        self.meter.demand(self.rate.saturating_mul(if waited_for { 1 } else { UNWAITED }));
        let piece = tokio::time::timeout_at(self.until, self.meter.wait(piece)).await.map_err(|_| {
            let longest = self.longest.as_secs();
            timed_out!("{} takes longer than {longest} seconds (setting mirror.longest)", shown(url))
        })?;
        let piece = piece
            .map_err(|slow| timed_out!("{} is too slow: {slow} (setting mirror.slowest)", shown(url)))?;
        let piece = piece.map_err(|error| failure(url, &error))?;
        self.meter.came(piece.as_ref().map_or(0, |piece| piece.len() as u64));
        Ok(piece)
    }
}

fn publish(spool: &Spool, written: u64, tell: &watch::Sender<DownloadProgress>) -> Result<()> {
    let opened = tell.borrow().file.clone();
    let file = match opened {
        Some(file) => file,
        None => Arc::new(std::fs::File::open(spool.path())?),
    };
    tell.send_modify(|progress| {
        progress.file = Some(file);
        progress.written = written;
    });
    Ok(())
}

fn is_broken(error: &Error) -> bool {
    matches!(error, Error::BadUpstream(_) | Error::Unavailable(_))
}

fn stored_file(asked: &Asked, located: &Located, digests: &SpooledDigests) -> StoredFile {
    let file = &located.file;
    StoredFile {
        version: file.filename.canonical_version().unwrap_or_default().to_owned(),
        kind: file.filename.kind(),
        url: Some(file.link().to_owned()),
        sha256: digests.sha256.clone(),
        md5: Some(digests.md5.clone()),
        blake2_256: Some(digests.blake2_256.clone()),
        size: digests.size,
        requires_python: file.requires_python.clone(),
        hash_told: !file.hashes.is_empty(),
        ..StoredFile::new(asked.index.clone(), located.project.clone(), &file.filename)
    }
}

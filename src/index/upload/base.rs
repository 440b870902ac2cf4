//! Published bytes: what a mirror among an index's bases lists is welcome as it is.
//!
//! Indexes hold files from before today's rules. Whoever brings such a file into a stage of their
//! own brings nothing that the stage does not show already.

use super::candidate::{Candidate, Contents};
use crate::access::may_read;
use crate::directory::inheritance::{SourcePart, order, parts};
use crate::directory::{Directory, IndexKind};
use crate::error::Result;
use crate::index::{Indexes, policy};
use crate::packaging::filename::DistFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::opens;
use crate::packaging::page::File;
use crate::packaging::wheel;
use crate::store::Spool;
use std::collections::BTreeSet;
use std::io::Cursor;

impl Indexes {
    /// Whether a mirror that the index inherits from lists these very bytes under this name.
    ///
    /// A mirror is asked only if its files of the project are shown; of the others counts what they
    /// know already, so that a private name is never asked upstream.
    pub(super) async fn is_published(
        &self,
        directory: &Directory,
        candidate: &Candidate<'_>,
        sha256: &str,
    ) -> Result<bool> {
        let (project, filename) = (candidate.project(), &candidate.filename);
        let order = order(directory, &candidate.index.name);
        let mut having = BTreeSet::new();
        for name in &order.sources {
            if self.db.stage_has(name, project).await? {
                having.insert(name.clone());
            }
        }
        let this = |file: &File| file.filename == *filename && file.hashes.sha256.as_deref() == Some(sha256);
        for (name, part) in parts(directory, &order, project, |index| having.contains(index)) {
            let Some(base) = directory.indexes.get(name) else { continue };
            let IndexKind::Mirror(mirror) = &base.kind else { continue };
            if !may_read(directory, candidate.who, base) || policy::refused(mirror, project).is_some() {
                continue;
            }
            let known = self.mirrors.last_told(base, project).await?;
            if known.is_some_and(|page| page.files.iter().any(this)) {
                return Ok(true);
            }
            if part != SourcePart::Gives {
                continue;
            }
            // What cannot be asked now lists nothing.
            if let Ok(Some(page)) = self.mirrors.page(base, project, false).await
                && page.page.files.iter().any(this)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads a published file as installers do. What even they cannot read in it, the form says. With `opens`, the
/// bytes must at least be what the file's name says.
///
/// # Errors
/// `Bad` if a wheel has no METADATA, without which no page can list it.
pub(super) async fn read_published(
    spool: &Spool,
    candidate: &Candidate<'_>,
    opens: bool,
) -> Result<Contents> {
    let (path, small) = (spool.path().to_owned(), spool.bytes().cloned());
    let said = candidate.form.metadata();
    let (name, filename) = (candidate.name.clone(), candidate.filename.clone());
    tokio::task::spawn_blocking(move || {
        if opens {
            match &small {
                Some(bytes) => opens::check(&bytes[..], name.name(), &filename)?,
                None => opens::check(&std::fs::File::open(&path)?, name.name(), &filename)?,
            }
        }
        if matches!(name, DistFilename::Sdist(_)) {
            return Ok(Contents { metadata: said, metadata_bytes: Vec::new() });
        }
        let metadata_bytes = match small {
            Some(bytes) => wheel::read_metadata(Cursor::new(bytes))?,
            None => wheel::read_metadata(std::fs::File::open(&path)?)?,
        };
        let metadata = Metadata::parse(&metadata_bytes)?;
        Ok(Contents { metadata, metadata_bytes })
    })
    .await?
}

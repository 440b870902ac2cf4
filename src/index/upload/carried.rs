//! Files of a bundle: looked at like an upload, one by one, and recorded all together.

use super::candidate::Contents;
use super::form::{Content, Form};
use super::{Accepted, Examined};
use crate::access::Who;
use crate::db::files::StoredFile;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::packaging::version::Version;
use crate::store::Spool;
use crate::tools::time::now;
use crate::words::FileKind;

/// A file that passed the checks of an upload. Nothing of it is kept yet.
pub struct CarriedFile {
    /// As its row will be; the release's key is still to be found.
    pub file: StoredFile,
    pub version: Version,
    /// As its metadata writes the project's name.
    pub spelling: String,
    /// JSON of `packaging::metadata::Metadata`.
    pub metadata: String,
    metadata_bytes: Vec<u8>,
    spool: Option<Spool>,
}

impl Indexes {
    /// Looks at a file that a bundle brings, as [`Indexes::bring`] does; `None`: the index has it. With `ask`, programs
    /// are asked, too.
    ///
    /// # Errors
    /// As [`Indexes::upload`].
    pub async fn look_at_carried(
        &self,
        directory: &Directory,
        who: &Who,
        index: &Index,
        form: &Form,
        content: Content,
        ask: bool,
    ) -> Result<Option<CarriedFile>> {
        let accepted = match self.examine(directory, who, index, form, Some(content), true).await? {
            Examined::Same => return Ok(None),
            Examined::New(accepted) => *accepted,
        };
        let Accepted { candidate, spool, digests, contents } = accepted;
        let Contents { metadata, metadata_bytes } = contents;
        if ask {
            self.programs.ask(&candidate.upcoming(&digests, &metadata)).await?;
        }
        let project = candidate.project().clone();
        let file = StoredFile {
            kind: candidate.kind(),
            sha256: digests.sha256,
            md5: Some(digests.md5),
            blake2_256: Some(digests.blake2_256),
            size: digests.size,
            requires_python: metadata.requires_python.clone(),
            uploader: Some(who.label.clone()),
            uploaded_at: now(),
            ..StoredFile::new(index.name.clone(), project, &candidate.filename)
        };
        Ok(Some(CarriedFile {
            file,
            version: candidate.name.version().clone(),
            metadata: serde_json::to_string(&metadata).map_err(Error::internal)?,
            spelling: metadata.name,
            metadata_bytes,
            spool: Some(spool),
        }))
    }

    /// Puts the bytes of a file where they stay. What is held of it then is small.
    ///
    /// # Errors
    /// `Full`, `Internal` and the like if the store cannot take it.
    pub async fn keep_carried(&self, carried: &mut CarriedFile) -> Result<()> {
        let Some(spool) = carried.spool.take() else { return Ok(()) };
        self.store.keep(spool).await?;
        let bytes = std::mem::take(&mut carried.metadata_bytes);
        if carried.file.kind == FileKind::Wheel {
            carried.file.metadata_sha256 = Some(self.store.put(bytes.into()).await?);
        }
        Ok(())
    }
}

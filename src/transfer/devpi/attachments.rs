//! Documentation and results of tests of an export.

use super::Import;
use super::dump::{DumpedFile, DumpedKind};
use super::release::{Coming, history};
use crate::db::attachments::Attachment;
use crate::error::{Error, Result};
use crate::index::beside::{check_documentation, documentation_name, passed};
use crate::tools::time::now;
use crate::transfer::bytes::TakenBytes;
use crate::words::AttachmentKind;

/// A result is a few hundred kilobytes; a larger one is kept, but not read.
const READ: u64 = 16 << 20;

impl Import<'_> {
    /// Takes what stands beside the files of a release, if it is not here yet.
    pub(super) async fn attachment(&mut self, coming: &mut Coming, file: &DumpedFile) -> Result<()> {
        let release = &coming.release;
        let is_result = file.kind == DumpedKind::TestResult;
        let name = match is_result {
            true => file.filename().to_owned(),
            false => documentation_name(&release.project, &coming.key),
        };
        if is_result && !self.is_tested_file_here(coming, file).await? {
            let tested = file.tested.as_deref().unwrap_or("no file");
            let why = format!("it is a test result of {tested}, which is not in {}", release.index);
            self.report.refuse(&file.path, why);
            return Ok(());
        }
        let known = self.to.db.attachment(&release.index, &name).await?;
        if let (Some(known), Some(told)) = (&known, &file.hashes.sha256) {
            self.known_attachment(file, known, told);
            return Ok(());
        }
        let Some(taken) = self.bytes_of(file).await? else { return Ok(()) };
        if let Some(known) = known {
            self.known_attachment(file, &known, &taken.digests.sha256);
            return Ok(());
        }
        let passed = match is_result {
            true => outcome(&taken).await,
            false => match check_documentation(&taken.spool).await {
                Ok(()) => None,
                Err(Error::Bad(why)) => {
                    self.report.refuse(&file.path, why);
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
        };
        let digests = match self.to.dry_run {
            true => taken.digests,
            false => self.to.store.keep(taken.spool).await?,
        };
        let (uploader, uploaded_at) = file.uploaded();
        let new = Attachment {
            index: release.index.clone(),
            project: release.project.clone(),
            version: coming.key.clone(),
            kind: if is_result { AttachmentKind::TestResult } else { AttachmentKind::Documentation },
            name,
            about: file.tested.clone().filter(|_| is_result),
            sha256: digests.sha256,
            size: digests.size,
            passed,
            uploader,
            uploaded_at: uploaded_at.unwrap_or_else(now),
            history: history(release, file),
        };
        coming.release.attachments.push(new);
        match is_result {
            true => coming.adding.test_results += 1,
            false => coming.adding.documentation += 1,
        }
        Ok(())
    }

    async fn is_tested_file_here(&self, coming: &Coming, file: &DumpedFile) -> Result<bool> {
        let Some(tested) = &file.tested else { return Ok(false) };
        if coming.release.files.iter().any(|new| new.filename == *tested) {
            return Ok(true);
        }
        let known = self.to.db.file(&coming.release.index, tested).await?;
        Ok(known.is_some_and(|known| known.deleted_at.is_none()))
    }

    fn known_attachment(&mut self, file: &DumpedFile, known: &Attachment, sha256: &str) {
        if known.sha256 != sha256 {
            let why = format!("{} has another {}, which stays", known.index, known.name);
            self.report.note(&file.path, why);
        }
        match known.kind {
            AttachmentKind::TestResult => self.report.present.test_results += 1,
            AttachmentKind::Documentation => self.report.present.documentation += 1,
        }
    }
}

async fn outcome(taken: &TakenBytes) -> Option<bool> {
    if taken.digests.size > READ {
        return None;
    }
    let bytes = match taken.spool.bytes() {
        Some(bytes) => bytes.to_vec(),
        None => tokio::fs::read(taken.spool.path()).await.ok()?,
    };
    passed(&serde_json::from_slice(&bytes).ok()?)
}

//! Files from elsewhere on their way into a stage, one by one, through the checks of an upload.

use super::{Destination, TransferReport};
use crate::access::Who;
use crate::bad;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::index::upload::{Content, Form, Uploaded};
use crate::missing;
use crate::names::{IndexName, ProjectName};
use crate::store::{Spool, SpooledDigests};
use crate::words::FileKind;
use std::sync::Arc;

/// Where the files go, and what became of them.
pub(super) struct Bringer<'a> {
    pub to: Destination<'a>,
    pub into: IndexName,
    pub who: Who,
    pub report: TransferReport,
    pub directory: Arc<Directory>,
}

/// A file whose bytes are spooled.
pub(super) struct BroughtFile<'a> {
    /// Where it comes from, as the report says it.
    pub what: &'a str,
    pub project: &'a ProjectName,
    /// As its name says.
    pub version: &'a str,
    pub kind: FileKind,
    pub filename: &'a str,
    pub spool: Spool,
    pub digests: SpooledDigests,
}

impl<'a> Bringer<'a> {
    /// # Errors
    /// `Missing` if there is no such index, `Bad` if it is a mirror.
    pub async fn new(to: Destination<'a>, into: &IndexName) -> Result<Self> {
        to.indexes.refresh().await?;
        let directory = to.indexes.directory();
        let report = TransferReport { dry_run: to.dry_run, ..TransferReport::default() };
        let new = Self { to, into: into.clone(), who: Who::command_line(), report, directory };
        if new.index()?.is_mirror() {
            return Err(bad!("{into} is a mirror: choose an index that accepts uploads with --into"));
        }
        Ok(new)
    }

    pub fn index(&self) -> Result<&Index> {
        let index = self.directory.indexes.get(&self.into);
        index.ok_or_else(|| {
            missing!("index {0} does not exist: create it with wheelwright index create {0}", self.into)
        })
    }

    /// # Errors
    /// What is wrong with the file stands in the report; only what stops the import is an error.
    pub async fn bring(&mut self, file: BroughtFile<'_>) -> Result<()> {
        let mut form = Form::default();
        form.push("name", file.project.to_string());
        form.push("version", file.version.to_owned());
        form.push("filetype", file.kind.name().to_owned());
        let size = file.digests.size;
        let content = Content {
            filename: file.filename.to_owned(),
            content_type: None,
            spool: file.spool,
            digests: file.digests,
        };
        let (who, dry_run) = (&self.who, self.to.dry_run);
        let brought = self.to.indexes.bring(&self.directory, who, self.index()?, &form, content, dry_run);
        match brought.await {
            Ok(Uploaded::New) => {
                self.report.added.files += 1;
                self.report.added.bytes += size;
            }
            Ok(Uploaded::Same) => self.is_here(size),
            Err(Error::Bad(why) | Error::Conflict(why) | Error::Forbidden(why)) => {
                self.report.refuse(file.what, why);
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    pub fn is_here(&mut self, size: u64) {
        self.report.present.files += 1;
        self.report.present.bytes += size;
    }
}

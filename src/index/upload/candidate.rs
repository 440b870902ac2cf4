//! An upload on its way through the checks, and what its archive says.

use super::form::Form;
use crate::access::Who;
use crate::directory::Index;
use crate::hooks::programs::Upcoming;
use crate::names::ProjectName;
use crate::packaging::filename::DistFilename;
use crate::packaging::metadata::Metadata;
use crate::store::SpooledDigests;
use crate::words::{FileKind, WebhookEvent};

/// What an accepted archive says.
pub(in crate::index) struct Contents {
    pub(in crate::index) metadata: Metadata,
    pub(in crate::index) metadata_bytes: Vec<u8>,
}

/// An upload on its way through the checks.
pub(super) struct Candidate<'a> {
    pub(super) index: &'a Index,
    pub(super) who: &'a Who,
    pub(super) form: &'a Form,
    pub(super) name: DistFilename,
    pub(super) filename: String,
}

impl Candidate<'_> {
    pub(super) fn kind(&self) -> FileKind {
        match self.name {
            DistFilename::Wheel(_) => FileKind::Wheel,
            DistFilename::Sdist(_) => FileKind::Sdist,
        }
    }

    /// What programs are told of it before it is taken in.
    pub(super) fn upcoming<'b>(
        &'b self,
        digests: &'b SpooledDigests,
        metadata: &'b Metadata,
    ) -> Upcoming<'b> {
        Upcoming {
            event: WebhookEvent::Upload,
            who: &self.who.label,
            index: &self.index.name,
            from: None,
            project: self.project(),
            version: self.name.version().to_string(),
            filename: &self.filename,
            sha256: &digests.sha256,
            size: digests.size,
            metadata,
        }
    }

    pub(super) fn project(&self) -> &ProjectName {
        self.name.name()
    }
}

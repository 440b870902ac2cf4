//! An upload on its way through the checks, and what its archive says.

use super::form::Form;
use crate::access::Who;
use crate::directory::Index;
use crate::names::ProjectName;
use crate::packaging::filename::DistFilename;
use crate::packaging::metadata::Metadata;
use crate::words::FileKind;

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

    pub(super) fn project(&self) -> &ProjectName {
        self.name.name()
    }
}

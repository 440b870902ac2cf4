//! What is looked at: an index with its bases, as one asker may see them at one moment.

use crate::access::Who;
use crate::directory::Directory;
use crate::directory::inheritance::InheritanceOrder;
use crate::names::IndexName;
use crate::tools::time::Micros;

/// One index as one asker may see it.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub directory: &'a Directory,
    pub order: &'a InheritanceOrder,
    /// Bit per source of `order`: whether the asker may read it.
    pub readable: u128,
    /// As of this moment, by upload times.
    pub as_of: Option<Micros>,
    /// The order of all indexes that are asked together with this one, if there are others.
    pub whole: Option<&'a InheritanceOrder>,
    pub unapproved: UnapprovedFiles,
}

impl Sight<'_> {
    /// Whether the asker may read the source that stands there in the order.
    pub fn reads(&self, at: usize) -> bool {
        reads(self.readable, at)
    }
}

/// Whether a bit is set.
pub fn reads(readable: u128, at: usize) -> bool {
    readable & 1u128.checked_shl(at as u32).unwrap_or(0) != 0
}

/// What pages of a curated index have of its mirrors' files that were not approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnapprovedFiles {
    #[default]
    Hidden,
    /// All, at URLs of the index that say why there is no file: installers show that, where they hide why a page is missing.
    Told,
    /// Those that were not refused, where the mirror has them: for the server, that finds out what a request needs.
    Shown,
}

impl UnapprovedFiles {
    /// What `who` sees on pages of `index`, where others see `otherwise`.
    pub fn seen_by(who: &Who, index: &IndexName, otherwise: Self) -> Self {
        match who.looks_behind.as_ref() == Some(index) {
            true => Self::Shown,
            false => otherwise,
        }
    }
}

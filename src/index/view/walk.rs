//! The order of an index, and who reads which of its sources.

use crate::access::{self, Who};
use crate::directory::inheritance::InheritanceOrder;
use crate::directory::{Directory, Index};
use crate::index::curation;
use crate::names::IndexName;

/// An index's order, and what anonymous askers see of it.
pub struct Walk {
    pub order: InheritanceOrder,
    pub(super) anonymous: u128,
}

impl Walk {
    /// Whether anonymous askers see all of it, too.
    pub fn is_public(&self, readable: u128) -> bool {
        self.anonymous & readable == readable && self.anonymous & 1 == 1
    }

    /// Bit per source: whether `who` may read it. What everybody may read, everybody may.
    pub fn readable(&self, directory: &Directory, who: &Who) -> u128 {
        match who.user {
            // The router let them read the index itself, be it by a token for one project.
            Some(_) => self.anonymous | readable(directory, &self.order, who) | 1,
            None => self.anonymous | 1,
        }
    }
}

pub(super) fn readable(directory: &Directory, order: &InheritanceOrder, who: &Who) -> u128 {
    let reads = |name: &IndexName| {
        directory.indexes.get(name).is_some_and(|index| access::may_read(directory, who, index))
    };
    let supplied = curation::supplied_to(directory, order, reads);
    let is_mirror = |name: &IndexName| directory.indexes.get(name).is_some_and(Index::is_mirror);
    let may = |name: &IndexName| match &supplied {
        Some(supplied) if is_mirror(name) => supplied.contains(name),
        _ => reads(name),
    };
    let bits = order.sources.iter().enumerate().filter(|(_, index)| may(index));
    bits.fold(0, |bits, (at, _)| bits | 1u128.checked_shl(at as u32).unwrap_or(0))
}

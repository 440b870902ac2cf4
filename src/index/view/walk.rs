//! The order of an index, and who reads which of its sources.

use crate::access::{self, Who};
use crate::directory::inheritance::InheritanceOrder;
use crate::directory::{Directory, Index};
use crate::index::curation::Curator;
use crate::names::IndexName;
use std::collections::BTreeSet;

/// An index's order, and what anonymous askers see of it.
pub struct Walk {
    pub order: InheritanceOrder,
    pub curators: Vec<Curator>,
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
            Some(_) => self.anonymous | readable(directory, &self.order, &self.curators, who) | 1,
            None => self.anonymous | 1,
        }
    }
}

pub(super) fn readable(
    directory: &Directory,
    order: &InheritanceOrder,
    curators: &[Curator],
    who: &Who,
) -> u128 {
    let reads = |name: &IndexName| {
        directory.indexes.get(name).is_some_and(|index| access::may_read(directory, who, index))
    };
    // Behind curated indexes, mirrors give what was approved on those that somebody reads, and nothing else.
    let supplied = curators.iter().filter(|curator| reads(&curator.name));
    let supplied: BTreeSet<&IndexName> = supplied.flat_map(|curator| &curator.mirrors).collect();
    let is_mirror = |name: &IndexName| directory.indexes.get(name).is_some_and(Index::is_mirror);
    let may = |name: &IndexName| match !curators.is_empty() && is_mirror(name) {
        true => supplied.contains(name),
        false => reads(name),
    };
    let bits = order.sources.iter().enumerate().filter(|(_, index)| may(index));
    bits.fold(0, |bits, (at, _)| bits | 1u128.checked_shl(at as u32).unwrap_or(0))
}

//! What is looked at: an index with its bases, as one asker may see them at one moment.

use crate::directory::Directory;
use crate::directory::inheritance::InheritanceOrder;
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
    /// Curated indexes list what was not approved, too: at URLs that say why there is no file.
    pub unapproved: bool,
}

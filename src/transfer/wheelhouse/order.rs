//! What a wheelhouse is to be, and what a run did for it.

use super::presign::Presign;
use crate::index::Indexes;
use crate::names::{IndexName, ProjectName};
use crate::store::Store;
use crate::tools::time::Micros;
use url::Url;

/// Where wheels come from.
#[derive(Clone, Copy)]
pub struct HouseSource<'a> {
    pub indexes: &'a Indexes,
    pub store: &'a Store,
}

/// What a wheelhouse is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelhouseOrder {
    pub index: IndexName,
    /// Empty: all that the index has.
    pub projects: Vec<ProjectName>,
    /// With what its bases have.
    pub inherited: bool,
    /// Links are absolute, below this URL.
    pub public_url: Option<Url>,
    /// Links are signed, so that who has the page needs no credential for its files.
    pub presign: Option<Presign>,
    /// It leaves the house: projects that say `Private ::` stay, but for these. `None`: it does not.
    pub private: Option<Vec<ProjectName>>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WheelhouseTally {
    /// Projects that have a page.
    pub projects: usize,
    /// Those that were looked at.
    pub projects_changed: usize,
    /// Pages that were written.
    pub pages: usize,
    /// Files that were put there.
    pub files: usize,
    /// Pages and files that were removed.
    pub removed: usize,
    /// Projects that must not leave.
    pub left_out: Vec<ProjectName>,
    /// When the first of the signed links ends, and when all is to be looked at again though nothing changes.
    pub links_until: Option<Micros>,
    pub renew_at: Option<Micros>,
}

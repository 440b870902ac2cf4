//! What tells prepared pages apart.

use super::form::PageForm;
use crate::index::sight::UnapprovedFiles;
use crate::tools::time::Micros;
use moka::Equivalent;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PageKey {
    pub(super) index: Box<str>,
    pub(super) project: Box<str>,
    pub(super) readable: u128,
    pub(super) as_of: Option<Micros>,
    pub(super) form: PageForm,
    pub(super) depth: u8,
    pub(super) base: Box<str>,
    pub(super) amend: Box<str>,
    pub(super) set: Box<str>,
    pub(super) unapproved: UnapprovedFiles,
}

/// [`PageKey`] without owning its names; hashes alike.
#[derive(Hash)]
pub(super) struct KeyRef<'a> {
    pub(super) index: &'a str,
    pub(super) project: &'a str,
    pub(super) readable: u128,
    pub(super) as_of: Option<Micros>,
    pub(super) form: PageForm,
    pub(super) depth: u8,
    /// Empty unless the page has absolute URLs of ours in it.
    pub(super) base: &'a str,
    /// Empty unless the page is amended.
    pub(super) amend: &'a str,
    /// Names of the indexes that are asked together.
    pub(super) set: &'a str,
    pub(super) unapproved: UnapprovedFiles,
}

impl Equivalent<PageKey> for KeyRef<'_> {
    fn equivalent(&self, key: &PageKey) -> bool {
        let same = (self.readable, self.as_of, self.form, self.depth);
        *self.index == *key.index
            && *self.project == *key.project
            && *self.base == *key.base
            && *self.amend == *key.amend
            && *self.set == *key.set
            && self.unapproved == key.unapproved
            && same == (key.readable, key.as_of, key.form, key.depth)
    }
}

impl KeyRef<'_> {
    pub(super) fn to_key(&self) -> PageKey {
        PageKey {
            index: self.index.into(),
            project: self.project.into(),
            readable: self.readable,
            as_of: self.as_of,
            form: self.form,
            depth: self.depth,
            base: self.base.into(),
            amend: self.amend.into(),
            set: self.set.into(),
            unapproved: self.unapproved,
        }
    }
}

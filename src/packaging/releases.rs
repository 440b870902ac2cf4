//! The files of a page by the version that their names say: `1.0` and `1.0.0` are one.

use super::filename::describe;
use super::page::{File, Page};
use super::version::{self, Version};
use std::collections::BTreeMap;

/// Files whose names say no version are not in it.
pub struct FilesByVersion<'a>(BTreeMap<Version, Vec<&'a File>>);

impl<'a> FilesByVersion<'a> {
    pub fn of(page: &'a Page) -> Self {
        let mut all: BTreeMap<Version, Vec<&File>> = BTreeMap::new();
        for file in &page.files {
            if let Some(version) = describe(&page.name, &file.filename).and_then(|described| described.parsed)
            {
                all.entry(version).or_default().push(file);
            }
        }
        Self(all)
    }

    /// In the page's order; none for what is no version.
    pub fn files(&self, version: &str) -> &[&'a File] {
        version::parse(version).and_then(|version| self.0.get(&version)).map_or(&[], Vec::as_slice)
    }

    /// Whether there are files, and all are yanked.
    pub fn is_yanked(&self, version: &str) -> bool {
        let files = self.files(version);
        !files.is_empty() && files.iter().all(|file| file.yanked.is_yanked())
    }
}

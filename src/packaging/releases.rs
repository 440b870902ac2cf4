//! The files of a page by the version that their names say: `1.0` and `1.0.0` are one.

use super::page::{File, Page};
use super::version::{self, Version};
use std::collections::BTreeMap;

/// Files whose names say no version are not in it.
pub struct FilesByVersion<'a>(BTreeMap<Version, Vec<&'a File>>);

impl<'a> FilesByVersion<'a> {
    pub fn of(page: &'a Page) -> Self {
        let mut all: BTreeMap<Version, Vec<&File>> = BTreeMap::new();
        for file in &page.files {
            if let Some(version) = file.filename.version() {
                all.entry(version.clone()).or_default().push(file);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;
    use crate::packaging::page::Yanked;

    #[test]
    fn one_version_has_all_its_spellings_and_no_file_that_is_no_release() {
        let mut page = Page::new(ProjectName::new("demo").unwrap());
        let name = page.name.clone();
        let file = |filename: &str, yanked| File { yanked, ..File::named(&name, filename) };
        page.files = vec![
            file("demo-1.0.tar.gz", Yanked::Yes),
            file("demo-1.0.0-py3-none-any.whl", Yanked::No),
            file("demo-2.0.tar.gz", Yanked::Because("broken".into())),
            file("other-1.0.tar.gz", Yanked::No),
            file("demo-latest.tar.gz", Yanked::No),
        ];
        let files = FilesByVersion::of(&page);
        let names = |version| files.files(version).iter().map(|file| &*file.filename).collect::<Vec<_>>();
        assert_eq!(names("1"), ["demo-1.0.tar.gz", "demo-1.0.0-py3-none-any.whl"]);
        assert_eq!(names("3.0"), [""; 0]);
        assert_eq!(names("latest"), [""; 0]);
        assert!(!files.is_yanked("1.0") && files.is_yanked("2.0") && !files.is_yanked("3.0"));
    }
}

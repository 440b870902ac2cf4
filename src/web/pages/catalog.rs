//! A project page as people read it: releases, newest first, each with its files.

use crate::directory::{Directory, IndexKind};
use crate::names::IndexName;
use crate::packaging::page::{File, Page};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::words::ProjectStatus;
use std::collections::HashMap;

/// One version with its files, in the page's order.
#[derive(Clone, Debug, Default)]
pub struct Release<'a> {
    /// Canonical, or as it came if it is no version.
    pub version: String,
    pub parsed: Option<Version>,
    pub files: Vec<&'a File>,
}

impl<'a> Release<'a> {
    /// Why it is yanked, if every file of it is; empty without a reason.
    pub fn yanked(&self) -> Option<&'a str> {
        let whys: Option<Vec<&str>> = self.files.iter().map(|file| file.yanked.why()).collect();
        // Of a release without files nothing follows.
        whys.and_then(|whys| whys.into_iter().max_by_key(|why| why.len()))
    }

    /// When its first file came.
    pub fn uploaded(&self) -> Option<UploadTime> {
        self.files.iter().filter_map(|file| file.uploaded).min()
    }

    pub fn is_prerelease(&self) -> bool {
        self.parsed.as_ref().is_some_and(Version::any_prerelease)
    }
}

/// All releases of a page, newest first; what is no version comes last.
pub fn releases(page: &Page) -> Vec<Release<'_>> {
    let mut releases: Vec<Release<'_>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let of_files = page
        .files
        .iter()
        .map(|file| (file.filename.canonical_version().unwrap_or("unknown").to_owned(), Some(file)));
    let more = page.more_versions.iter().map(|version| (version.clone(), None));
    for (version, file) in of_files.chain(more) {
        let place = *places.entry(version.clone()).or_insert_with(|| {
            releases.push(Release { parsed: version::parse(&version), version, files: Vec::new() });
            releases.len() - 1
        });
        if let (Some(release), Some(file)) = (releases.get_mut(place), file) {
            release.files.push(file);
        }
    }
    releases.sort_by(|a, b| b.parsed.cmp(&a.parsed).then_with(|| b.version.cmp(&a.version)));
    releases
}

/// The release to show first: the highest that is neither yanked nor a pre-release, else the
/// highest that is not yanked, else the highest.
pub fn latest<'a, 'b>(releases: &'b [Release<'a>]) -> Option<&'b Release<'a>> {
    let versions = || releases.iter().filter(|release| release.parsed.is_some());
    let good = || versions().filter(|release| release.yanked().is_none());
    let with_files = |release: &&Release<'_>| !release.files.is_empty();
    good()
        .filter(with_files)
        .find(|release| !release.is_prerelease())
        .or_else(|| good().find(with_files))
        .or_else(|| versions().next())
        .or_else(|| releases.first())
}

/// The release that `version` names in any spelling.
pub fn find<'a, 'b>(releases: &'b [Release<'a>], version: &str) -> Option<&'b Release<'a>> {
    releases.iter().find(|release| version::same(&release.version, version))
}

/// Where a file comes from, seen from the index `here`: a short word, and a sentence.
pub fn origin_in_words(directory: &Directory, here: &IndexName, file: &File) -> (String, String) {
    let Some(from) = file.owner() else { return (String::new(), String::new()) };
    match directory.indexes.get(from).map(|index| &index.kind) {
        Some(IndexKind::Mirror(_)) => (from.to_string(), format!("from the upstream that {from} mirrors")),
        _ if from == here => ("hosted here".to_owned(), format!("uploaded to {from}")),
        _ => (from.to_string(), format!("uploaded to {from}")),
    }
}

/// What a project's status means to those who install it (PEP 792).
#[derive(Clone, Debug)]
pub struct StatusBanner {
    pub class: &'static str,
    pub word: &'static str,
    pub meaning: &'static str,
    pub reason: Option<String>,
}

impl StatusBanner {
    /// `None` while a project is active.
    pub fn new(page: &Page) -> Option<Self> {
        let (class, word, meaning) = match page.status {
            ProjectStatus::Active => return None,
            ProjectStatus::Archived => ("warn", "Archived.", "Do not expect new releases."),
            ProjectStatus::Deprecated => ("warn", "Deprecated.", "It is obsolete; look for a replacement."),
            ProjectStatus::Quarantined => {
                ("bad", "Quarantined.", "It is considered unsafe, so the server does not offer its files.")
            }
        };
        let reason = page.status_reason.clone().filter(|reason| !reason.trim().is_empty());
        Some(Self { class, word, meaning, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;
    use crate::packaging::page::Yanked;

    fn page(files: &[(&str, Yanked)]) -> Page {
        let mut page = Page::new(ProjectName::new("demo").unwrap());
        page.files = files
            .iter()
            .map(|(filename, yanked)| File { yanked: yanked.clone(), ..File::named(&page.name, filename) })
            .collect();
        page
    }

    fn latest_of(files: &[(&str, Yanked)]) -> Option<String> {
        latest(&releases(&page(files))).map(|release| release.version.clone())
    }

    #[test]
    fn the_latest_release_is_neither_yanked_nor_a_prerelease_if_there_is_such_a_one() {
        let no = || Yanked::No;
        let all = [("demo-1.0.tar.gz", no()), ("demo-1.1.tar.gz", Yanked::Yes), ("demo-2.0a1.tar.gz", no())];
        assert_eq!(latest_of(&all).as_deref(), Some("1.0"));
        assert_eq!(latest_of(&all[1..]).as_deref(), Some("2.0a1"));
        assert_eq!(latest_of(&all[1..2]).as_deref(), Some("1.1"));
        assert_eq!(latest_of(&[]), None);
    }

    #[test]
    fn a_release_is_yanked_when_all_its_files_are() {
        let page = page(&[
            ("demo-1.0.tar.gz", Yanked::Because("broken".into())),
            ("demo-1.0-py3-none-any.whl", Yanked::Yes),
            ("demo-1.1.tar.gz", Yanked::Yes),
            ("demo-1.1-py3-none-any.whl", Yanked::No),
        ]);
        let releases = releases(&page);
        let told: Vec<_> =
            releases.iter().map(|release| (release.version.as_str(), release.yanked())).collect();
        assert_eq!(told, [("1.1", None), ("1.0", Some("broken"))]);
    }

    #[test]
    fn versions_without_a_file_are_listed_too() {
        let mut page = page(&[("demo-1.0.tar.gz", Yanked::No)]);
        page.more_versions = vec!["0.9".into(), "1.10".into()];
        let releases = releases(&page);
        let versions: Vec<_> = releases.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, ["1.10", "1.0", "0.9"]);
        assert_eq!(latest(&releases).map(|release| release.version.as_str()), Some("1.0"));
    }
}

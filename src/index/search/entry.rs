//! What is written of a project: its releases, and the words of the newest one that no quarantine holds.

use super::query::words;
use super::shelf::{Card, SearchEntry};
use crate::db::Db;
use crate::db::files::StoredFile;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::index::mirror::Mirrors;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::Page;
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::store::Store;
use crate::tools::time::Micros;
use crate::words::ProjectStatus;
use std::collections::HashMap;

/// Releases of a project that are known to a search: the best ones.
const RELEASES: usize = 200;
/// Releases of a mirrored project whose metadata is looked for.
const TRIED: usize = 8;
/// Bytes of a description, and of all other texts, whose words are found.
const DESCRIPTION: usize = 16 << 10;
const OTHERS: usize = 8 << 10;
/// Characters of a summary that are shown.
const SUMMARY: usize = 300;

/// A release as far as a search knows it.
#[derive(Clone, Debug, Default)]
pub struct KnownRelease {
    pub version: String,
    pub yanked: bool,
    /// When its first file was uploaded.
    pub uploaded: Option<Micros>,
}

impl KnownRelease {
    /// How good it is: neither yanked nor a pre-release comes first, then the highest.
    fn rank(&self) -> (bool, bool, Option<Version>) {
        let parsed = version::parse(&self.version);
        (!self.yanked, parsed.as_ref().is_some_and(|version| !version.any_prerelease()), parsed)
    }

    fn line(&self) -> String {
        let yanked = if self.yanked { "y" } else { "" };
        let uploaded = self.uploaded.map(|at| at.to_string()).unwrap_or_default();
        format!("{}\t{yanked}\t{uploaded}", self.version)
    }
}

impl Card {
    /// Its releases, the best first; each is read when it is looked at.
    pub fn known(&self) -> impl Iterator<Item = KnownRelease> {
        self.releases.lines().map(|line| {
            let mut parts = line.split('\t');
            KnownRelease {
                version: parts.next().unwrap_or_default().to_owned(),
                yanked: parts.next() == Some("y"),
                uploaded: parts.next().and_then(|at| at.parse().ok()),
            }
        })
    }
}

/// Where entries are made from.
pub struct EntrySources<'a> {
    pub db: &'a Db,
    pub store: &'a Store,
    pub mirrors: &'a Mirrors,
    pub directory: &'a Directory,
}

impl EntrySources<'_> {
    /// What there is to find of a project on an index itself; no upstream is asked.
    pub async fn entry(&self, index: &IndexName, project: &ProjectName) -> Result<Option<SearchEntry>> {
        match self.directory.indexes.get(index) {
            None => Ok(None),
            Some(Index { kind: IndexKind::Stage(_), .. }) => self.hosted(index, project).await,
            Some(index) => self.mirrored(index, project).await,
        }
    }

    /// All projects of an index that there may be something to find of.
    pub async fn projects(&self, index: &Index) -> Result<Vec<ProjectName>> {
        if index.is_stage() {
            return self.db.projects(&index.name).await;
        }
        let mut names = self.db.upstream_projects(&index.name).await?;
        names.extend(self.db.projects_with_files(&index.name).await?);
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn hosted(&self, index: &IndexName, project: &ProjectName) -> Result<Option<SearchEntry>> {
        let Some(row) = self.db.project(index, project).await? else { return Ok(None) };
        if row.status == ProjectStatus::Quarantined {
            return Ok(None);
        }
        let rows = self.db.releases(index, project).await?;
        let known = rows.iter().map(|row| KnownRelease {
            version: row.version.clone(),
            yanked: row.yanked_at.is_some(),
            uploaded: Some(row.created_at),
        });
        let known = sorted(known.collect());
        let told = known.iter().find(|release| !self.is_held(index, project, &release.version));
        let row_of = |version: &str| rows.iter().find(|row| row.version == version);
        let told = told.and_then(|release| row_of(&release.version));
        let facts = told.and_then(|row| serde_json::from_str::<Metadata>(&row.metadata).ok());
        let told = told.map(|row| row.version.clone()).zip(facts);
        Ok(Some(written(index, project, &row.spelling, told, &known)))
    }

    async fn mirrored(&self, index: &Index, project: &ProjectName) -> Result<Option<SearchEntry>> {
        let page = self.mirrors.last_told(index, project).await?;
        let files = self.db.project_files(&index.name, project).await?;
        let known = match &page {
            Some(page) if page.status == ProjectStatus::Quarantined => return Ok(None),
            Some(page) => of_page(page),
            None if files.is_empty() => return Ok(None),
            None => of_files(&files),
        };
        let known = sorted(known);
        let told = self.told(&index.name, project, page.as_deref(), &files, &known).await?;
        Ok(Some(written(&index.name, project, project.as_str(), told, &known)))
    }

    /// The metadata of the best release that has some here.
    async fn told(
        &self,
        index: &IndexName,
        project: &ProjectName,
        page: Option<&Page>,
        files: &[StoredFile],
        known: &[KnownRelease],
    ) -> Result<Option<(String, Metadata)>> {
        let remote = self.db.remote_metadata(index, project).await?;
        let of_version = |filename: &str, wanted: &str| {
            let listed = crate::packaging::filename::ListedFilename::new(project, filename);
            listed.canonical_version().is_some_and(|version| version == wanted)
        };
        let free = known.iter().filter(|release| !self.is_held(index, project, &release.version));
        for release in free.take(TRIED) {
            let version = release.version.as_str();
            let stored = files.iter().filter(|file| of_version(&file.filename, version));
            let stored = stored.filter_map(|file| file.metadata_sha256.as_ref());
            let listed = page.iter().flat_map(|page| &page.files);
            let listed = listed.filter(|file| file.filename.canonical_version() == Some(version));
            let read = listed.filter_map(|file| Some(&remote.get(file.filename.as_str())?.1));
            let Some(sha256) = stored.chain(read).next() else { continue };
            let Some(bytes) = self.store.whole(sha256).await? else { continue };
            if let Ok(metadata) = Metadata::parse(&bytes) {
                return Ok(Some((release.version.clone(), metadata)));
            }
        }
        Ok(None)
    }

    fn is_held(&self, index: &IndexName, project: &ProjectName, version: &str) -> bool {
        let held = &self.directory.quarantines;
        held.names(project) && held.of(index, project, version::parse(version).as_ref()).is_some()
    }
}

impl SearchEntry {
    /// What is written of a project of which nothing can be read.
    pub fn bare(index: &IndexName, project: &ProjectName) -> Self {
        written(index, project, project.as_str(), None, &[])
    }
}

fn sorted(mut known: Vec<KnownRelease>) -> Vec<KnownRelease> {
    known.sort_by_cached_key(|release| std::cmp::Reverse(release.rank()));
    known.truncate(RELEASES);
    known
}

fn of_page(page: &Page) -> Vec<KnownRelease> {
    let mut known: HashMap<&str, KnownRelease> = HashMap::new();
    for file in &page.files {
        let Some(version) = file.filename.canonical_version() else { continue };
        let uploaded = file.uploaded.map(UploadTime::micros);
        let yanked = file.yanked.is_yanked();
        let release = known.entry(version).or_insert_with(|| KnownRelease {
            version: version.to_owned(),
            yanked: true,
            uploaded,
        });
        release.yanked &= yanked;
        release.uploaded = release.uploaded.min(uploaded);
    }
    known.into_values().collect()
}

fn of_files(files: &[StoredFile]) -> Vec<KnownRelease> {
    let mut versions: Vec<&str> = files.iter().map(|file| file.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let known = |version: &str| KnownRelease { version: version.to_owned(), ..KnownRelease::default() };
    versions.into_iter().map(known).collect()
}

fn written(
    index: &IndexName,
    project: &ProjectName,
    spelling: &str,
    told: Option<(String, Metadata)>,
    known: &[KnownRelease],
) -> SearchEntry {
    let (told, facts) = told.unwrap_or_default();
    let summary = facts.summary.clone().unwrap_or_default();
    let keywords = facts.keywords.clone().unwrap_or_default();
    let description = cut(facts.description.as_deref().unwrap_or_default(), DESCRIPTION);
    let about = format!("{}\n{}", cut(&facts.classifiers.join("\n"), OTHERS), description);
    let mut name = words(project.as_str());
    name.push(name.concat());
    let lines: Vec<String> = known.iter().map(KnownRelease::line).collect();
    let card = Card {
        index: index.clone(),
        project: project.clone(),
        name: if facts.name.is_empty() { spelling.to_owned() } else { facts.name },
        summary: summary.chars().take(SUMMARY).collect(),
        told,
        releases: lines.join("\n"),
    };
    let summary = format!("{}\n{}", cut(&summary, OTHERS), cut(&keywords, OTHERS));
    SearchEntry { card, name: once(name), summary: once(words(&summary)), about: once(words(&about)) }
}

/// Each word once.
fn once(mut words: Vec<String>) -> String {
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_is_neither_yanked_nor_a_prerelease_is_the_best() {
        let known =
            |version: &str, yanked: bool| KnownRelease { version: version.into(), yanked, uploaded: Some(5) };
        let all = vec![known("1.9", false), known("2.0a1", false), known("1.10", false), known("3.0", true)];
        let all = sorted(all);
        let entry = written(&"a/b".parse().unwrap(), &"foo-bar".parse().unwrap(), "Foo.Bar", None, &all);
        assert_eq!(entry.card.releases, "1.10\t\t5\n1.9\t\t5\n2.0a1\t\t5\n3.0\ty\t5");
        assert_eq!(entry.name, "bar foo foobar");
        let read: Vec<_> = entry.card.known().map(|one| (one.version, one.yanked, one.uploaded)).collect();
        assert_eq!(read[0], ("1.10".into(), false, Some(5)));
        assert_eq!(read[3], ("3.0".into(), true, Some(5)));
        assert_eq!(cut("aé", 2), "a");
    }
}

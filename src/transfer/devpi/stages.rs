//! The projects of a stage, release by release.

use super::Import;
use super::dump::{DumpedFile, DumpedIndex, DumpedProject, Object, by_project};
use super::indexes::IndexPlace;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::ListedFilename;
use std::collections::BTreeMap;

/// A release of an export, with what belongs to it.
#[derive(Debug, Default)]
pub struct DumpedRelease {
    pub metadata: Object,
    pub files: Vec<DumpedFile>,
}

impl Import<'_> {
    pub(super) async fn stage(
        &mut self,
        place: &IndexPlace,
        index: DumpedIndex,
        done: &mut u64,
        total: u64,
    ) -> Result<()> {
        let mut files = by_project(index.files);
        for (project, dumped) in index.projects {
            let (releases, odd) = releases(&project, dumped, files.remove(&project).unwrap_or_default());
            for file in odd {
                self.report.refuse(&file.path, "neither the export nor its name tells its version");
                *done += 1;
            }
            if releases.is_empty() && !self.to.dry_run {
                self.to.indexes.take_imported_name(&place.name, &project).await?;
            }
            for (version, release) in releases {
                let count = release.files.len() as u64;
                self.release(place, &project, &version, release).await?;
                *done += count;
                (self.watch)(place.name.as_str(), *done, total);
            }
        }
        for file in files.into_values().flatten() {
            let why = format!("the index has no project {}", file.project);
            self.report.refuse(&file.path, why);
            *done += 1;
        }
        Ok(())
    }
}

/// The releases of a project by their version, as the export writes it, and the files that have none.
fn releases(
    project: &ProjectName,
    dumped: DumpedProject,
    files: Vec<DumpedFile>,
) -> (BTreeMap<String, DumpedRelease>, Vec<DumpedFile>) {
    let with_metadata = |metadata| DumpedRelease { metadata, files: Vec::new() };
    let mut releases: BTreeMap<String, DumpedRelease> =
        dumped.versions.into_iter().map(|(version, metadata)| (version, with_metadata(metadata))).collect();
    let mut odd = Vec::new();
    for file in files {
        let version = file.version.clone().or_else(|| version_of(project, &file, releases.keys()));
        match version {
            Some(version) => releases.entry(version).or_default().files.push(file),
            None => odd.push(file),
        }
    }
    (releases, odd)
}

/// The version of a file of which only the name tells it.
fn version_of<'a>(
    project: &ProjectName,
    file: &DumpedFile,
    known: impl Iterator<Item = &'a String>,
) -> Option<String> {
    let name = file.tested.as_deref().unwrap_or(file.filename());
    // File names have `_` where a version has `-`.
    let names_it = |version: &&String| {
        let forms = [version.replace('-', "_"), (*version).clone()];
        forms.iter().any(|form| name.contains(&format!("-{form}.")) || name.contains(&format!("-{form}-")))
    };
    let longest = known.filter(names_it).max_by_key(|version| version.len());
    longest.cloned().or_else(|| {
        let listed = ListedFilename::parse(project, name)?;
        listed.canonical_version().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::devpi::dump::DumpedKind;

    fn file(path: &str) -> DumpedFile {
        DumpedFile {
            kind: DumpedKind::Release,
            project: ProjectName::new("hello").unwrap(),
            version: None,
            path: path.into(),
            hashes: Default::default(),
            modified: None,
            url: None,
            tested: None,
            log: Vec::new(),
        }
    }

    #[test]
    fn the_name_of_a_file_tells_its_version_where_the_export_does_not() {
        let hello = ProjectName::new("hello").unwrap();
        let known = ["1.2".to_owned(), "1.2-3".to_owned()];
        let version = |name: &str| version_of(&hello, &file(&format!("u/d/hello/{name}")), known.iter());
        assert_eq!(version("hello-1.2_3.tar.gz").as_deref(), Some("1.2-3"));
        assert_eq!(version("hello-1.2.tar.gz").as_deref(), Some("1.2"));
        assert_eq!(version("hello-1.2-py3-none-any.whl").as_deref(), Some("1.2"));
        assert_eq!(version("hello-2.0.tar.gz").as_deref(), Some("2.0"));
        assert_eq!(version("hello.tar.gz"), None);
    }
}

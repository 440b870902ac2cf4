//! A stage's own project page, made from rows.

use crate::db::files::{ProjectRow, ReleaseRow, StoredFile};
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{CoreMetadata, File, FilePlace, Hashes, Page, Provenance, Yanked};
use crate::packaging::upload_time::UploadTime;
use crate::tools::time::Micros;
use std::collections::HashMap;

/// The page of one project; with `as_of`, as it was at that moment (by upload times).
pub fn page(
    index: &IndexName,
    name: &ProjectName,
    project: &ProjectRow,
    files: &[StoredFile],
    releases: &[ReleaseRow],
    as_of: Option<Micros>,
) -> Page {
    let by_version: HashMap<&str, &ReleaseRow> = releases.iter().map(|r| (r.version.as_str(), r)).collect();
    let in_time = |at: Micros| as_of.is_none_or(|as_of| at <= as_of);
    let mut page = Page::new(name.clone());
    page.status = project.status;
    page.status_reason.clone_from(&project.status_reason);
    page.serial = u64::try_from(project.serial).ok();
    let shown = files.iter().filter(|file| file.deleted_at.is_none() && in_time(file.uploaded_at));
    let shown =
        shown.map(|file| shown_file(index, name, file, by_version.get(file.version.as_str()).copied()));
    page.files = shown.collect();
    let empty = releases.iter().filter(|r| in_time(r.created_at));
    page.more_versions = empty
        .filter(|release| !files.iter().any(|file| file.version == release.version))
        .map(|release| release.version.clone())
        .collect();
    page
}

fn shown_file(
    index: &IndexName,
    name: &ProjectName,
    file: &StoredFile,
    release: Option<&ReleaseRow>,
) -> File {
    let yanked = match release {
        Some(ReleaseRow { yanked_at: Some(_), yanked_reason, .. }) => {
            Yanked::because(yanked_reason.as_deref().unwrap_or_default())
        }
        _ => Yanked::No,
    };
    let metadata = file.metadata_sha256.clone().filter(|_| file.filename.ends_with(".whl"));
    File {
        filename: ListedFilename::new(name, &file.filename),
        place: FilePlace::Hosted(index.clone()),
        provenance: if file.attested { Provenance::Own } else { Provenance::No },
        hashes: Hashes { sha256: Some(file.sha256.clone()), others: Vec::new() },
        requires_python: file.requires_python.clone().filter(|text| !text.trim().is_empty()),
        size: Some(file.size),
        uploaded: Some(UploadTime::new(file.uploaded_at)),
        yanked,
        core_metadata: metadata.map_or(CoreMetadata::No, CoreMetadata::Sha256),
    }
}

/// 404 in the words of devpi.
pub fn no_project(index: &IndexName, project: &ProjectName) -> crate::error::Error {
    crate::missing!("The project {project} does not exist on {index}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::ProjectStatus;

    fn project() -> ProjectRow {
        ProjectRow {
            name: ProjectName::new("demo").unwrap(),
            spelling: "Demo".into(),
            status: ProjectStatus::Active,
            status_reason: None,
            serial: 7,
        }
    }

    fn wheel(version: &str, at: Micros) -> StoredFile {
        let mut file = StoredFile::new(
            "alice/dev".parse().unwrap(),
            "demo".parse().unwrap(),
            &format!("demo-{version}-py3-none-any.whl"),
        );
        file.sha256 = "abcdef0123456789".repeat(4);
        (file.version, file.uploaded_at, file.size) = (version.into(), at, 5);
        file.metadata_sha256 = Some("1".repeat(64));
        file
    }

    fn release(version: &str, yanked: Option<&str>) -> ReleaseRow {
        ReleaseRow {
            version: version.into(),
            metadata: "{}".into(),
            created_at: 0,
            yanked_at: yanked.map(|_| 1),
            yanked_reason: yanked.map(str::to_owned).filter(|reason| !reason.is_empty()),
        }
    }

    fn shown(files: &[StoredFile], releases: &[ReleaseRow], as_of: Option<Micros>) -> Page {
        let index = IndexName::parse("alice/dev").unwrap();
        page(&index, &ProjectName::new("demo").unwrap(), &project(), files, releases, as_of)
    }

    #[test]
    fn a_yanked_release_yanks_its_files_with_their_reason() {
        let files = [wheel("1.0", 0), wheel("2.0", 0), wheel("3.0", 0)];
        let releases = [release("1.0", Some("bad")), release("2.0", Some("")), release("3.0", None)];
        let yanked: Vec<Yanked> =
            shown(&files, &releases, None).files.into_iter().map(|f| f.yanked).collect();
        assert_eq!(yanked, [Yanked::Because("bad".into()), Yanked::Yes, Yanked::No]);
    }

    #[test]
    fn a_release_without_files_is_a_version_still() {
        let page = shown(&[wheel("1.0", 0)], &[release("1.0", None), release("2.0", None)], None);
        assert_eq!(page.versions(), ["1.0", "2.0"]);
        assert_eq!(page.serial, Some(7));
    }

    #[test]
    fn an_sdists_metadata_is_not_advertised() {
        let mut sdist = wheel("1.0", 0);
        sdist.filename = "demo-1.0.tar.gz".into();
        let page = shown(&[sdist, wheel("1.0", 0)], &[], None);
        assert_eq!(page.files[0].core_metadata, CoreMetadata::No);
        assert_eq!(page.files[1].core_metadata, CoreMetadata::Sha256("1".repeat(64)));
    }

    #[test]
    fn an_earlier_day_shows_what_was_there_then() {
        let page = shown(&[wheel("1.0", 10), wheel("2.0", 20)], &[], Some(15));
        assert_eq!(page.files.len(), 1);
        assert_eq!(page.files[0].uploaded, Some(UploadTime::new(10)));
    }
}

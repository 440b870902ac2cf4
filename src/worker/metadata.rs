//! Metadata that a backend told without a build: one file, out of the `.dist-info` that its hook left.

use std::path::Path;

use super::fetch;
use super::peek;
use super::room::{Room, ours};
use super::sandbox::collect::CollectedFile;
use crate::error::{Error, Result};
use crate::packaging::metadata::MendedMetadata;
use crate::words::{Class, Failure, Step};

const NAME: &str = "METADATA";
/// Bytes; a server takes no more either.
const LIMIT: u64 = 8 << 20;

/// Takes `METADATA` out of what a dead run left in `out`.
///
/// # Errors
/// `WrongWheel` if there is no such file, or more than one.
pub async fn collect(room: &Room<'_>, out: &Path) -> Result<CollectedFile, Failure> {
    let bytes = read(out).map_err(|error| unfit(&error))?;
    let path = room.below("metadata", Step::Collect)?.join(NAME);
    let fails = |error| ours(&error, Step::Collect);
    std::fs::write(&path, &bytes).map_err(|error| fails(error.into()))?;
    let sha256 = fetch::sha256(&path).await.map_err(fails)?;
    Ok(CollectedFile { name: NAME.to_owned(), path, size: bytes.len() as u64, sha256 })
}

/// The text of what was collected, for the report.
///
/// # Errors
/// `BadWheel` if it is not UTF-8.
pub async fn text(file: &Path) -> Result<String, Failure> {
    let bytes = tokio::fs::read(file).await;
    let bytes = bytes.map_err(|error| ours(&error.into(), Step::Report))?;
    // As the wheel will have it.
    let bytes = MendedMetadata::of(&bytes, |_| true).bytes;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Class::BadWheel, Step::Report, "the build backend's metadata is not UTF-8"))
}

/// Links are not followed, and nothing runs any more in there.
fn read(out: &Path) -> Result<Vec<u8>> {
    let mut found: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".dist-info") && entry.file_type()?.is_dir() {
            found.push(name);
        }
    }
    match found.as_slice() {
        [only] => peek::file(out, &format!("{only}/{NAME}"), LIMIT)?
            .ok_or_else(|| crate::bad!("the metadata hook of the build backend wrote no {only}/{NAME}")),
        [] => Err(crate::bad!("the metadata hook of the build backend wrote no .dist-info folder")),
        _ => Err(crate::bad!(
            "the metadata hook of the build backend wrote several .dist-info folders: {}",
            found.join(", ")
        )),
    }
}

fn unfit(error: &Error) -> Failure {
    match error {
        Error::Bad(why) => Failure::new(Class::WrongWheel, Step::Collect, why.clone()),
        other => ours(other, Step::Collect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(files: &[(&str, &str)]) -> tempfile::TempDir {
        let out = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = out.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        out
    }

    #[test]
    fn the_one_metadata_file_is_read_whatever_else_lies_there() {
        let out = left(&[("demo-1.0.dist-info/METADATA", "Name: demo\n"), ("demo.egg-info/PKG-INFO", "x")]);
        assert_eq!(read(out.path()).unwrap(), b"Name: demo\n");
    }

    #[test]
    fn two_folders_none_and_links_are_refused() {
        let out = left(&[("a-1.dist-info/METADATA", ""), ("b-1.dist-info/METADATA", "")]);
        assert!(read(out.path()).unwrap_err().to_string().contains("several"));
        assert!(read(left(&[("METADATA", "")]).path()).unwrap_err().to_string().contains("no .dist-info"));
        assert!(read(left(&[("a-1.dist-info/WHEEL", "")]).path()).is_err());
        let out = left(&[("a-1.dist-info/WHEEL", "")]);
        std::os::unix::fs::symlink("/etc/passwd", out.path().join("a-1.dist-info/METADATA")).unwrap();
        assert!(read(out.path()).is_err(), "a link is not followed");
        let out = left(&[("elsewhere/METADATA", "x")]);
        std::os::unix::fs::symlink("elsewhere", out.path().join("a-1.dist-info")).unwrap();
        assert!(read(out.path()).is_err(), "a folder that is a link is none");
    }
}

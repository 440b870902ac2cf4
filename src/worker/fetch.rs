//! Gets the source of a job from the server, and makes sure that it is what the job names.

use std::path::{Path, PathBuf};

use crate::bad;
use crate::build::job::Job;
use crate::client::WorkerClient;
use crate::error::Result;
use crate::tools::hex;

/// Writes the job's source into `folder` under a name of ours; its ending tells the kind of archive.
///
/// # Errors
/// What the server answered; `Bad` if these are not the bytes that the job names.
pub async fn source(job: &Job, link: &WorkerClient, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("source{}", ending(&job.source.filename)?));
    let found = link.source(job, &path).await?;
    match found == job.source_sha256 {
        true => Ok(path),
        false => Err(bad!(
            "the server sent the wrong bytes for {} (sha256 {found}, not {})",
            job.source.filename,
            job.source_sha256
        )),
    }
}

/// Hexadecimal SHA-256 of a file.
///
/// # Errors
/// If it cannot be read.
pub async fn sha256(path: &Path) -> Result<String> {
    let path = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || hex::file_sha256(&path)).await??)
}

fn ending(filename: &str) -> Result<&'static str> {
    const ENDINGS: [&str; 14] = [
        ".tar.gz",
        ".tgz",
        ".zip",
        ".tar.bz2",
        ".tbz",
        ".tbz2",
        ".tar.xz",
        ".txz",
        ".tar.zst",
        ".tar.lz",
        ".tlz",
        ".tar.lzma",
        ".tar.Z",
        ".tar",
    ];
    let lower = filename.to_lowercase();
    let known = ENDINGS.iter().find(|ending| lower.ends_with(&ending.to_lowercase()));
    known.copied().ok_or_else(|| {
        bad!("{filename} is not a source distribution: it must end with one of {}", ENDINGS.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_on_disk_keeps_nothing_but_the_ending() {
        assert_eq!(ending("docopt-0.6.2.TAR.GZ").unwrap(), ".tar.gz");
        assert_eq!(ending("docopt-0.6.2.tar.Z").unwrap(), ".tar.Z");
        assert!(ending("docopt-0.6.2.egg").unwrap_err().to_string().contains("not a source distribution"));
    }
}

//! The files of `osv.path`: a folder of advisories, one `.json`, a `.jsonl` with one a line, or a `.zip` of `.json` files
//! as OSV publishes it for each ecosystem.

use super::snapshot::AdvisorySnapshot;
use crate::bad;
use crate::error::Result;
use crate::packaging::osv::{Advisory, LARGEST_ADVISORY};
use crate::tools::hex;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Advisories of one reading, at most; all of PyPI are some ten thousand.
const MOST_ADVISORIES: usize = 500_000;

/// Bytes of one reading, at most.
const MOST_BYTES: u64 = 4 << 30;

/// What to do about a file that cannot be read.
const WAY_OUT: &str = "give osv.path a file of OSV's (all.zip of PyPI, a .jsonl or a .json), or a folder of such files. \
    The advisories that were read before stay in use";

/// What is still allowed of a reading.
struct Reading {
    snapshot: AdvisorySnapshot,
    left: u64,
    advisories: usize,
}

/// The stamp of the files and what they hold; `None` if the stamp is the known one.
pub(super) fn changed(path: &Path, known: Option<&str>) -> Option<(String, Result<AdvisorySnapshot>)> {
    let (stamp, files) = match files(path) {
        Ok(files) => (stamp(&files), Ok(files)),
        Err(error) => (error.to_string(), Err(error)),
    };
    (known != Some(stamp.as_str())).then(|| (stamp, files.and_then(|files| snapshot(&files))))
}

/// The file, or the files of the folder by name.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| bad!("cannot read {}: {error}: {WAY_OUT}", path.display());
    if !path.metadata().map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if ["json", "jsonl", "zip"].iter().any(|kind| extension(&file) == *kind) {
            files.push(file);
        }
        if files.len() > MOST_ADVISORIES {
            return Err(bad!("{} has more than {MOST_ADVISORIES} files: {WAY_OUT}", path.display()));
        }
    }
    files.sort_unstable();
    match files.is_empty() {
        true => Err(bad!("{} has no .json, .jsonl or .zip file: {WAY_OUT}", path.display())),
        false => Ok(files),
    }
}

/// Changes with the name, size and time of any file, and with who may read it.
fn stamp(files: &[PathBuf]) -> String {
    let told = files.iter().map(|file| {
        let known = file.metadata().map(|known| {
            let changed = (known.mtime(), known.mtime_nsec(), known.ctime(), known.ctime_nsec());
            (known.len(), known.mode(), changed)
        });
        format!("{} {:?}\n", file.display(), known.ok())
    });
    hex::sha256(told.collect::<String>().as_bytes())
}

fn snapshot(files: &[PathBuf]) -> Result<AdvisorySnapshot> {
    let mut reading = Reading { snapshot: AdvisorySnapshot::default(), left: MOST_BYTES, advisories: 0 };
    for path in files {
        let failed = |error: std::io::Error| bad!("cannot read {}: {error}: {WAY_OUT}", path.display());
        let file = File::open(path).map_err(failed)?;
        match extension(path) {
            "zip" => reading.zip(path, file)?,
            "jsonl" => reading.lines(path, file)?,
            _ => reading.one(&path.display().to_string(), file)?,
        }
    }
    match reading.advisories {
        0 => Err(bad!("osv.path has no advisory at all: {WAY_OUT}")),
        _ => Ok(reading.snapshot),
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

impl Reading {
    fn zip(&mut self, path: &Path, file: File) -> Result<()> {
        let shown = path.display();
        let failed = |error: zip::result::ZipError| bad!("cannot read {shown}: {error}: {WAY_OUT}");
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(failed)?;
        for at in 0..archive.len() {
            let entry = archive.by_index(at).map_err(failed)?;
            let name = entry.name().map_err(failed)?.into_owned();
            if name.ends_with(".json") {
                self.one(&format!("{shown} ({})", crate::error::clipped(&name, 200)), entry)?;
            }
        }
        Ok(())
    }

    fn lines(&mut self, path: &Path, file: File) -> Result<()> {
        let mut file = BufReader::new(file);
        let mut at = 0;
        while !file.fill_buf().map_err(|error| bad!("cannot read {}: {error}", path.display()))?.is_empty() {
            at += 1;
            let mut line = Vec::new();
            let longest = LARGEST_ADVISORY as u64 + 1;
            let read = file.by_ref().take(longest).read_until(b'\n', &mut line);
            read.map_err(|error| bad!("cannot read {}: {error}", path.display()))?;
            if !line.trim_ascii().is_empty() {
                self.one(&format!("line {at} of {}", path.display()), line.as_slice())?;
            }
        }
        Ok(())
    }

    /// One advisory; `what` says where it stands.
    fn one(&mut self, what: &str, from: impl Read) -> Result<()> {
        let mut text = String::new();
        let failed = |error: std::io::Error| bad!("cannot read {what}: {error}: {WAY_OUT}");
        let read = from.take(LARGEST_ADVISORY as u64 + 1).read_to_string(&mut text).map_err(failed)? as u64;
        self.advisories += 1;
        let left = self.left.checked_sub(read).filter(|_| self.advisories <= MOST_ADVISORIES);
        self.left = left.ok_or_else(|| {
            bad!("osv.path has more than {MOST_ADVISORIES} advisories or {MOST_BYTES} bytes: {WAY_OUT}")
        })?;
        let advisory =
            Advisory::parse(&text).map_err(|error| bad!("cannot read {what}: {error}: {WAY_OUT}"))?;
        self.snapshot.add(advisory);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_read_again_when_others_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, "no advisory").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
        let (stamp, _) = changed(folder.path(), None).unwrap();
        assert!(changed(folder.path(), Some(&stamp)).is_none());
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(changed(folder.path(), Some(&stamp)).is_some());
    }
}

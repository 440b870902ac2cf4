//! Reads single files out of a folder that a dead run could write to, trusting nothing in there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::bad;
use crate::error::Result;
use crate::packaging::machine_code::{BEGINNING, MachineCode};
use crate::tools::hex;

/// Bytes; the header of an ELF file alone has as many.
const SMALLEST: u64 = 64;

/// The bytes of `name` (parts divided by `/`) below `folder`; `None` if there is no such file.
///
/// Links are not followed. Only for folders in which nothing runs any more: between look and
/// reading nobody may change them.
///
/// # Errors
/// `Bad` for a link, a device, or more bytes than `limit`.
pub fn file(folder: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut path = folder.to_owned();
    let mut parts = name.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        if part == ".." {
            return Err(bad!("{name} leads out of the source"));
        }
        path.push(part);
        let Ok(found) = path.symlink_metadata() else { return Ok(None) };
        let is_right = if parts.peek().is_none() { found.is_file() } else { found.is_dir() };
        if !is_right {
            return Err(bad!("{name} in the source is not a regular file"));
        }
    }
    let mut bytes = Vec::new();
    File::open(&path)?.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(bad!("{name} in the source has more than {limit} bytes")),
        false => Ok(Some(bytes)),
    }
}

/// What a walk through a folder found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Of all files, without their folders, in no order.
    pub names: Vec<String>,
    /// The regular ones, whole.
    pub regular: Vec<PathBuf>,
    /// Of all files together.
    pub bytes: u64,
    /// The last change of any file; seconds since 1970.
    pub newest: u64,
}

/// Adds up a folder; links are not followed, what cannot be read is left out.
#[must_use]
pub fn walk(folder: &Path) -> Walked {
    let mut walked = Walked::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.path().symlink_metadata() else { continue };
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                let changed =
                    found.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
                walked.bytes += found.len();
                walked.names.push(entry.file_name().to_string_lossy().into_owned());
                walked.regular.extend(found.is_file().then(|| entry.path()));
                walked.newest = walked.newest.max(changed.map_or(0, |since| since.as_secs()));
            }
        }
    }
    walked
}

/// The sha256 of each of these files that is machine code; what cannot be read is left out.
#[must_use]
pub fn machine_code(files: &[PathBuf]) -> BTreeSet<String> {
    files.iter().filter_map(|path| hash_of_code(path)).collect()
}

/// `None`: it is something else, or cannot be read.
fn hash_of_code(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() < SMALLEST {
        return None;
    }
    let mut beginning = Vec::new();
    file.take(BEGINNING).read_to_end(&mut beginning).ok()?;
    MachineCode::of(&beginning)?;
    hex::file_sha256(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_source_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("PKG-INFO")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("setup.py"), "12345").unwrap();
        for name in ["PKG-INFO", "etc/passwd", "../passwd"] {
            assert!(file(folder.path(), name, 100).is_err(), "{name}");
        }
        assert_eq!(file(folder.path(), "setup.py", 5).unwrap(), Some(b"12345".to_vec()));
        assert!(file(folder.path(), "setup.py", 4).is_err(), "more than allowed");
        assert_eq!(file(folder.path(), "setup.cfg", 4).unwrap(), None);
    }
}

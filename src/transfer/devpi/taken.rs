//! The bytes of an export: found below its folder, spooled, and held against every hash that it tells.

use super::Import;
use super::dump::DumpedFile;
use crate::error::{Error, Result};
use crate::index::mirror::{OtherDigests, differing};
use crate::transfer::bytes::{TakenBytes, spool_file};
use std::path::{Component, Path, PathBuf};

impl Import<'_> {
    /// The bytes of a file; `None`: something is wrong with it, and the report says what.
    pub(super) async fn bytes_of(&mut self, file: &DumpedFile) -> Result<Option<TakenBytes>> {
        match self.whole_file(file).await? {
            Ok(taken) => Ok(Some(taken)),
            Err(why) => {
                self.report.refuse(&file.path, why);
                Ok(None)
            }
        }
    }

    /// # Errors
    /// `Ok(Err)` with what is wrong with the file; `Err` if this server cannot go on.
    async fn whole_file(&self, file: &DumpedFile) -> Result<Result<TakenBytes, String>> {
        let path = match below(&self.folder, &file.path) {
            Ok(path) => path,
            Err(why) => return Ok(Err(why)),
        };
        let mut others = OtherDigests::new(&file.hashes);
        let taken = match spool_file(self.to.store, &path, |piece| others.update(piece)).await? {
            Ok(taken) => taken,
            Err(why) => return Ok(Err(why)),
        };
        Ok(match differing(&file.hashes, &taken.digests, &others) {
            Some(wrong) => {
                Err(format!("its {} is {}, but the export says {}", wrong.algorithm, wrong.found, wrong.told))
            }
            None => Ok(taken),
        })
    }
}

/// The path of a regular file below `folder`, whatever an export says.
fn below(folder: &Path, relative: &str) -> Result<PathBuf, String> {
    let path = Path::new(relative);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err("its path leads out of the export".into());
    }
    let real = match folder.join(path).canonicalize() {
        Ok(real) => real,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            return Err("the export has no such file".into());
        }
        Err(why) => return Err(format!("cannot read it: {why}")),
    };
    match real.starts_with(folder) && real.is_file() {
        true => Ok(real),
        false => Err("its path leads out of the export, or to something that is not a file".into()),
    }
}

/// Fails as this server and not as the file.
pub fn ours<T>(result: Result<T>) -> Result<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Bad(why) | Error::Conflict(why) | Error::Forbidden(why)) => Ok(Err(why)),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_export() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/c.whl"), "c").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("a/link")).unwrap();
        assert_eq!(below(&root, "a/b/c.whl"), Ok(root.join("a/b/c.whl")));
        assert_eq!(below(&root, "a/b/d.whl"), Err("the export has no such file".into()));
        for path in ["../secret", "/etc/passwd", "a/../../secret", "a/link", "a/b", "", "."] {
            assert!(below(&root, path).unwrap_err().contains("out of the export"), "{path}");
        }
    }
}

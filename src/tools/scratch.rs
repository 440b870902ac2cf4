//! Folders for a while: made empty, removed whole, whatever was done to them.

use std::path::{Path, PathBuf};

use crate::error::Result;

/// A folder that is removed with all that is in it.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes it; what stands there from an earlier life is removed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(path: PathBuf) -> Result<Self> {
        remove_folder(&path)?;
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// A new one below `parent`, with a name that begins with `prefix`, for our own eyes.
    ///
    /// # Errors
    /// What the file system says.
    pub fn private(parent: &Path, prefix: &str) -> Result<Self> {
        let name = format!("{prefix}{}", uuid::Uuid::now_v7().simple());
        let path = parent.join(name);
        make_private(&path)?;
        Ok(Self(path.canonicalize()?))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The name of something new in it.
    pub fn unused(&self) -> PathBuf {
        self.0.join(uuid::Uuid::now_v7().simple().to_string())
    }

    /// Makes a new empty folder in it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn below(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        remove_folder(&path)?;
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.0) {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Makes a folder, and those above it, that only its owner can look into; not what is there already.
///
/// # Errors
/// What the file system says.
pub fn make_private(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes a folder that a build may have made hard to remove: folders without permissions.
///
/// # Errors
/// What the file system says; not if there is nothing.
pub fn remove_folder(path: &Path) -> Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    if gone(std::fs::remove_dir_all(path)).is_ok() {
        return Ok(());
    }
    open_up(path);
    Ok(gone(std::fs::remove_dir_all(path))?)
}

fn open_up(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_folder && std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).is_ok() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            open_up(&entry.path());
        }
    }
}

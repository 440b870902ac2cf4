//! A folder for what is on its way.

use crate::error::Result;
use std::path::{Path, PathBuf};

/// A folder for what is on its way; it goes with its owner.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("wheelwright-build-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// The name of a new file.
    pub fn file(&self) -> PathBuf {
        self.0.join(uuid::Uuid::now_v7().simple().to_string())
    }

    /// A new folder.
    pub fn folder(&self) -> Result<PathBuf> {
        let folder = self.file();
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

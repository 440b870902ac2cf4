//! The wheel that a promise is kept with where one was built here already: whoever tells the metadata of the
//! promise and whoever copies the wheel mean the same one.

use super::{Promise, Promises};
use crate::db::built::BuiltFile;
use crate::error::Result;
use crate::packaging::filename::WheelFilename;

impl Promises {
    /// The best wheel for the promise's target that was built here of its source, for whatever target.
    pub(super) async fn built_here(&self, promise: &Promise) -> Result<Option<BuiltFile>> {
        let built = self.db().built_files(&promise.index, &promise.project).await?;
        Ok(best(built, promise))
    }
}

/// Of wheels that the target likes as well as each other, the newest.
pub(super) fn best(built: Vec<BuiltFile>, promise: &Promise) -> Option<BuiltFile> {
    let (chooser, source) = (promise.target.chooser(), &promise.source);
    let fitting = built.into_iter().filter_map(|file| {
        let wheel = WheelFilename::parse(&file.filename).ok()?;
        let is_of = file.source_filename == source.filename
            && wheel.version == promise.version
            && source.hashes.sha256.as_ref().is_none_or(|sha256| *sha256 == file.source_sha256);
        let preference = chooser.preference(&wheel).filter(|_| is_of)?;
        Some(((preference, file.created_at), file))
    });
    fitting.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, file)| file)
}

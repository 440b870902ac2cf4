//! From a promise's URL back to the promise.

use super::Promise;
use crate::access::Who;
use crate::build::queue::Builds;
use crate::error::Result;
use crate::missing;
use crate::names::IndexName;
use crate::packaging::choose;
use crate::packaging::filename::WheelFilename;

/// The promise that has this name; the index must be one that `who` may read.
///
/// # Errors
/// `Missing` if nobody builds for the target, or if the index lists no source that this name could
/// be promised for.
pub async fn find(
    builds: &Builds,
    who: &Who,
    index: &IndexName,
    target: &str,
    filename: &str,
) -> Result<Promise> {
    let nothing = || missing!("{filename} is not promised to {target} by {index}");
    let wheel = WheelFilename::parse(filename).map_err(|_| nothing())?;
    let target = builds.offers().await?.named(target)?.target.clone();
    if super::filename(&wheel.name, &wheel.version, &target) != filename {
        return Err(nothing());
    }
    let indexes = builds.indexes();
    let directory = indexes.directory();
    let found = directory.indexes.get(index).ok_or_else(nothing)?;
    let page = indexes.views.page(&directory, found, &wheel.name, who).await?;
    let mut sources = choose::sdist_of_each(&page);
    let source = sources.remove(&wheel.version).ok_or_else(nothing)?;
    Ok(Promise {
        index: index.clone(),
        source: source.clone(),
        project: wheel.name,
        version: wheel.version,
        filename: filename.to_owned(),
        target,
    })
}

//! Files of a project that an index has and does not show, and why: policies, quarantines, what was not approved.

use super::Visit;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::Page;
use std::collections::HashSet;

/// Files that are told.
const MOST: usize = 2000;

/// A file that is not shown.
#[derive(Clone, Debug)]
pub struct HiddenFile {
    pub filename: ListedFilename,
    pub because: String,
}

/// What of the project is hidden from the asker; nothing is looked up where no rule could hide anything.
pub async fn files(ctx: &Visit, index: &Index, page: &Page) -> Result<Vec<HiddenFile>> {
    let views = &ctx.app.indexes.views;
    let walk = views.walk(&ctx.directory, &index.name)?;
    let sources = &walk.order.sources;
    let quarantined = ctx.directory.quarantines.names(&page.name);
    if !quarantined && !sources.iter().any(|name| has_rules(&ctx.directory, name)) {
        return Ok(Vec::new());
    }
    let told = views.explain(&ctx.directory, index, &page.name, &ctx.who).await?;
    let shown: HashSet<&str> = page.offered().iter().map(|file| file.filename.as_str()).collect();
    let files = told.sources.into_iter().flat_map(|source| source.files);
    let hidden = files.filter(|file| !file.shown && !shown.contains(file.filename.as_str()));
    let file = |name: &ProjectName, filename: &str, because| HiddenFile {
        filename: ListedFilename::new(name, filename),
        because,
    };
    Ok(hidden.take(MOST).map(|one| file(&page.name, &one.filename, one.because)).collect())
}

/// Whether an index hides something of what its mirrors have.
fn has_rules(directory: &Directory, name: &crate::names::IndexName) -> bool {
    let Some(index) = directory.indexes.get(name) else { return false };
    match &index.kind {
        IndexKind::Mirror(mirror) => {
            mirror.min_age.is_some() || !mirror.allow.is_empty() || !mirror.deny.is_empty()
        }
        IndexKind::Stage(_) => index.is_curated(),
    }
}

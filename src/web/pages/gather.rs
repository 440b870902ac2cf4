//! What the pages of a project are made from: the same page that installers get, and metadata as
//! far as it can be had quickly.

use super::Visit;
use super::catalog::Release;
use crate::directory::{Index, IndexKind};
use crate::error::{Error, Result};
use crate::missing;
use crate::names::{NameList, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File, Page};
use std::sync::Arc;
use std::time::Duration;

/// How long a person waits for what only an upstream knows.
const PATIENCE: Duration = Duration::from_secs(4);

/// The page of the project as installers get it, for who asks.
pub async fn page(ctx: &Visit, index: &Index, project: &ProjectName) -> Result<Page> {
    let patient = tokio::time::timeout(
        PATIENCE * 2,
        ctx.app.indexes.views.page(&ctx.directory, index, project, &ctx.who),
    );
    let late =
        |_| Error::Timeout(format!("the upstream has not sent the page of {project} yet: try again soon"));
    patient.await.map_err(late)?
}

/// The project that the path names, in any spelling.
pub fn project(ctx: &Visit) -> Result<ProjectName> {
    let text = ctx.param("project");
    ProjectName::new(text).ok_or_else(|| missing!("{text:?} is not a valid project name"))
}

/// The names that an index has itself: uploaded ones, or those of the upstream.
pub async fn names(ctx: &Visit, index: &Index) -> Result<Arc<NameList>> {
    match &index.kind {
        IndexKind::Stage(_) => {
            let names = ctx.app.db.projects(&index.name).await?;
            Ok(Arc::new(names.iter().map(ProjectName::as_str).collect()))
        }
        IndexKind::Mirror(_) => {
            let names = tokio::time::timeout(PATIENCE, ctx.app.indexes.mirrors.names(index));
            let late = |_| Error::Timeout("the server is still fetching it".to_owned());
            names.await.map_err(late)?
        }
    }
}

/// The metadata of a release: as it was uploaded, or from a wheel. `None` if it cannot be had, or
/// not quickly; the page then shows what installers see.
pub async fn metadata(ctx: &Visit, project: &ProjectName, release: &Release<'_>) -> Option<Metadata> {
    let with_metadata = release.files.iter().filter(|file| file.core_metadata != CoreMetadata::No);
    let files = with_metadata.chain(release.files.first());
    let looked = async {
        for file in files.take(2) {
            match of_file(ctx, project, &release.version, file).await {
                Ok(Some(metadata)) => return Some(metadata),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(
                        %error,
                        filename = file.filename.as_str(),
                        "cannot read metadata for a page"
                    )
                }
            }
        }
        None
    };
    tokio::time::timeout(PATIENCE, looked).await.ok().flatten()
}

/// The metadata of one file, waiting only so long.
pub async fn metadata_of_file(
    ctx: &Visit,
    project: &ProjectName,
    version: &str,
    file: &File,
) -> Option<Metadata> {
    let found = tokio::time::timeout(PATIENCE, of_file(ctx, project, version, file)).await.ok()?;
    found.ok().flatten()
}

async fn of_file(ctx: &Visit, project: &ProjectName, version: &str, file: &File) -> Result<Option<Metadata>> {
    match file.owner().and_then(|name| ctx.directory.indexes.get(name)) {
        Some(index) => {
            ctx.app.indexes.views.metadata_of_file(&ctx.directory, index, project, version, file).await
        }
        None => Ok(None),
    }
}

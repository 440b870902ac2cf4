//! Where documentation is linked, and what a search in it found.

use super::{Frame, Visit, answer, index_href};
use crate::error::{Error, Result};
use crate::index::beside::Documentation;
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use askama::Template;
use axum::response::Response;

/// A way to the documentation of a release.
pub struct DocsLink {
    pub version: String,
    /// Of its first page, from the root; `?q=` searches it.
    pub href: String,
}

impl DocsLink {
    /// To the documentation of a version, or of the `latest` one that has any; `None` if there is none.
    pub async fn find(ctx: &Visit, project: &ProjectName, version: &str) -> Result<Option<Self>> {
        let index = ctx.index()?;
        let found = ctx.app.indexes.documentation(&ctx.directory, &ctx.who, index, project, version).await;
        match found {
            Ok(of) => {
                let version = encode_segment(&of.version);
                let href = format!("{}/{project}/{version}/+doc/", index_href(&index.name));
                Ok(Some(Self { version: of.version, href }))
            }
            Err(Error::Missing(_) | Error::Forbidden(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Template)]
#[template(path = "documentation.html")]
pub struct FoundPage {
    pub frame: Frame,
    pub project: String,
    pub version: String,
    pub query: String,
    /// Pages of the documentation, from its root, with their titles.
    pub found: Vec<FoundLine>,
}

pub struct FoundLine {
    pub href: String,
    pub title: String,
}

/// Shows the pages that a search found.
pub fn found(ctx: &Visit, of: &Documentation, query: &str, found: &[(String, String)]) -> Result<Response> {
    let index = ctx.index()?;
    let project = ctx.param("project");
    let segments = [index.name.user(), index.name.name(), project, ctx.param("version"), "+doc"];
    let line = |(path, title): &(String, String)| FoundLine {
        href: path.split('/').map(|part| encode_segment(part).to_string()).collect::<Vec<_>>().join("/"),
        title: title.clone(),
    };
    let page = FoundPage {
        frame: Frame::of(ctx, &segments),
        project: project.to_owned(),
        version: of.version.clone(),
        query: query.to_owned(),
        found: found.iter().map(line).collect(),
    };
    answer(ctx, &page)
}

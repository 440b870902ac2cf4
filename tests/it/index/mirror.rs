//! Stories about mirrors and the upstreams that fail them.

mod absent;
mod attested;
mod believed;
mod bounds;
mod buckets;
mod files;
mod http;
mod kept;
mod looks;
mod loops;
mod metadata;
mod offline;
mod pages;
mod races;
mod trust;

use crate::kit::Server;
use crate::kit::names::index_name;
use crate::kit::upstream::Upstream;
use futures::TryStreamExt as _;
use wheelwright::config::Config;
use wheelwright::directory::{Index, IndexKind, Mirror};
use wheelwright::error::{Error, Result};
use wheelwright::index::mirror::{Located, MirrorPage, Mirrors};
use wheelwright::names::IndexName;
use wheelwright::names::ProjectName;
use wheelwright::packaging::page::File;

/// A server whose `root/pypi` mirrors an upstream of its own.
struct Story {
    server: Server,
    upstream: Upstream,
    index: Index,
}

impl Story {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start().await;
        let url = upstream.simple();
        Self::of(upstream, &url, change).await
    }

    async fn of(upstream: Upstream, url: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mirrored = url.to_owned();
        let server = Server::start_with(|config| {
            config.upstream = Some(mirrored);
            change(config);
        });
        Self { server: server.await, upstream, index: mirror(url) }
    }

    fn mirrors(&self) -> &Mirrors {
        &self.server.app.indexes.mirrors
    }

    async fn page(&self, project: &str) -> Result<Option<MirrorPage>> {
        self.mirrors().page(&self.index, &name(project), false).await
    }

    async fn refreshed(&self, project: &str) -> Result<Option<MirrorPage>> {
        self.mirrors().page(&self.index, &name(project), true).await
    }

    /// The files that our page lists.
    async fn listed(&self, project: &str) -> Vec<File> {
        let page = self.page(project).await.expect("a page").expect("a project");
        self.mirrors().listed(&self.index, &page).await.expect("our page").files
    }

    /// The only file of a project, as the upstream tells it.
    async fn only(&self, project: &str) -> Located {
        let page = self.page(project).await.expect("a page").expect("a project");
        let file = page.page.files.first().expect("a file").clone();
        Located { project: name(project), file }
    }

    /// All bytes, or what ended the stream.
    async fn download(&self, located: &Located) -> Result<Vec<u8>> {
        let download = self.mirrors().download(&self.index, located, "").await?;
        let bytes = download.stream.try_fold(Vec::new(), |mut all, bytes| async move {
            all.extend_from_slice(&bytes);
            Ok(all)
        });
        bytes.await
    }

    /// The row of a file that is stored.
    async fn is_stored(&self, filename: &str) -> bool {
        self.server.app.db.file(&index_name("root/pypi"), filename).await.expect("a row").is_some()
    }
}

fn name(text: &str) -> ProjectName {
    ProjectName::new(text).expect("a name")
}

/// `root/pypi` as a mirror of `url`.
fn mirror(url: &str) -> Index {
    let mirror = Mirror { url: Some(url.parse().expect("a URL")), by_operator: true, ..Mirror::default() };
    Index {
        name: IndexName::parse("root/pypi").expect("a name"),
        kind: IndexKind::Mirror(mirror),
        acl_read: vec![":ANONYMOUS:".into()],
        acl_upload: vec![],
        acl_test_results: vec![],
        acl_manage: None,
        acl_admin: vec![],
        volatile: false,
        title: None,
        description: None,
        building: Default::default(),
        promises: false,
        doubtful: true,
        options: serde_json::Map::new(),
    }
}

/// What an error is, in a word.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::BadUpstream(_) => "bad upstream",
        Error::Unavailable(_) => "unavailable",
        Error::Timeout(_) => "timeout",
        Error::Missing(_) => "missing",
        Error::Forbidden(_) => "forbidden",
        _ => "another",
    }
}

//! `/+search`: what was found, best first, and ways to narrow it.

use super::{Frame, Visit, answer, index_href};
use crate::error::Result;
use crate::index::search::{FoundKind, FoundPart, FoundProject, FoundProjects, SearchText};
use crate::names::IndexName;
use askama::Template;
use axum::response::Response;
use url::form_urlencoded::Serializer;

/// Indexes that one can narrow a search to.
const INDEXES: usize = 12;

/// What is asked for.
pub struct SearchRequest {
    /// As typed.
    pub q: String,
    pub text: SearchText,
    /// Look through this index and its bases.
    pub index: Option<IndexName>,
    pub part: FoundPart,
}

#[derive(Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    pub frame: Frame,
    /// As typed.
    pub q: String,
    /// The index whose order is looked through; empty: all.
    pub index: String,
    /// What the number of results is.
    pub count: String,
    pub results: Vec<SearchResult>,
    pub near: bool,
    pub complete: bool,
    /// Links that narrow the search, or make it wide again.
    pub facets: Vec<Facet>,
    /// To a search of all indexes.
    pub everywhere: String,
    /// This page, from the root; to come back to after logging in.
    pub here: String,
    pub back: String,
    pub next: String,
    pub place: String,
}

/// A line of results.
pub struct SearchResult {
    pub found: FoundProject,
    pub href: String,
    pub mood: &'static str,
}

/// A way to narrow a search.
pub struct Facet {
    pub label: String,
    pub count: usize,
    pub href: String,
    pub chosen: bool,
}

/// Shows what was found; `None`: nothing was asked.
pub fn show(ctx: &Visit, asked: SearchRequest, found: Option<FoundProjects>) -> Result<Response> {
    let asks = found.is_some();
    let found = found.unwrap_or(FoundProjects { complete: true, ..FoundProjects::default() });
    let link = |page: usize| if asks { Link { page, ..Link::of(&asked) }.href() } else { String::new() };
    let (page, pages) = (found.page, found.pages);
    let page = SearchPage {
        frame: Frame::of(ctx, &["+search"]),
        index: asked.index.as_ref().map(ToString::to_string).unwrap_or_default(),
        count: count(&found),
        near: found.near,
        complete: found.complete,
        facets: facets(&asked, &found),
        here: format!("+search{}", Link::of(&asked).href()),
        everywhere: Link { index: None, only: None, ..Link::of(&asked) }.href(),
        back: if page > 1 { link(page - 1) } else { String::new() },
        next: if page < pages { link(page + 1) } else { String::new() },
        place: format!("page {page} of {pages}"),
        results: found.results.into_iter().map(line).collect(),
        q: asked.q,
    };
    answer(ctx, &page)
}

fn count(found: &FoundProjects) -> String {
    let more = if found.more { "more than " } else { "" };
    match found.total {
        1 => format!("{more}1 project"),
        total => format!("{more}{total} projects"),
    }
}

fn line(found: FoundProject) -> SearchResult {
    SearchResult {
        href: format!("{}/{}", index_href(&found.index), found.project),
        mood: if found.kind == FoundKind::Hosted { "good" } else { "" },
        found,
    }
}

fn facets(asked: &SearchRequest, found: &FoundProjects) -> Vec<Facet> {
    let mut facets = Vec::new();
    let kinds = if found.kinds.len() > 1 || asked.part.kind.is_some() { found.kinds.as_slice() } else { &[] };
    for one in kinds {
        let chosen = asked.part.kind == Some(one.kind);
        let kind = (!chosen).then(|| one.kind.name());
        let href = Link { kind, ..Link::of(asked) }.href();
        facets.push(Facet { label: one.kind.name().to_owned(), count: one.count, href, chosen });
    }
    let many = found.indexes.len() > 1 || asked.part.only.is_some();
    for one in found.indexes.iter().take(INDEXES).filter(|_| many) {
        let chosen = asked.part.only.as_ref() == Some(&one.index);
        let only = (!chosen).then(|| one.index.as_str());
        let href = Link { only, ..Link::of(asked) }.href();
        facets.push(Facet { label: one.index.to_string(), count: one.count, href, chosen });
    }
    facets
}

/// The same search with something changed.
#[derive(Clone, Copy)]
struct Link<'a> {
    q: &'a str,
    index: Option<&'a str>,
    only: Option<&'a str>,
    kind: Option<&'a str>,
    page: usize,
}

impl<'a> Link<'a> {
    fn of(asked: &'a SearchRequest) -> Self {
        Self {
            q: &asked.q,
            index: asked.index.as_ref().map(|index| index.as_str()),
            only: asked.part.only.as_ref().map(|index| index.as_str()),
            kind: asked.part.kind.map(FoundKind::name),
            page: 1,
        }
    }

    fn href(self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("q", self.q);
        let named = [("index", self.index), ("only", self.only), ("kind", self.kind)];
        query.extend_pairs(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        format!("?{}", query.finish())
    }
}

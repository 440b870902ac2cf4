//! Pages for people: one file is one page, one struct is what it shows.
//!
//! All can be read without script; the one script sends forms as JSON. Nothing comes from elsewhere, and links are
//! relative, so that a page works below any path of a proxy.

pub mod account;
pub mod act;
pub mod assets;
pub mod audit;
pub mod build;
pub mod builds;
pub mod call;
mod catalog;
pub mod compare;
mod description;
pub mod device;
pub mod doctor;
pub mod documentation;
pub mod error;
mod facts;
pub mod file;
mod form;
mod gather;
mod hidden;
pub mod index;
mod install;
pub mod learned;
mod lines;
pub mod login;
pub mod machines;
mod matrix;
mod places;
mod plot;
mod progress;
pub mod project;
pub mod provider;
pub mod quarantine;
pub mod readiness;
pub mod rebuild;
pub mod recipes;
pub mod release;
pub mod requests;
pub mod required_by;
mod results;
pub mod rights;
pub mod root;
pub mod rules;
pub mod search;
mod security;
pub mod settings;
mod shorten;
pub mod statistics;
pub mod status;
mod tags;
mod terminal;
pub mod user;
pub mod watches;
pub mod webhooks;
pub mod wheels;
pub mod who_has;
pub mod wishes;
mod words;

use super::http::{Ctx, negotiate, respond};
use crate::access::{self, Decision, Need, Who};
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::packaging::filename::encode_segment;
use crate::tools::gzip;
use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

/// Who asks for which page.
pub type Visit = Ctx<()>;

/// What surrounds every page.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub title: String,
    /// From this page to the root: `./` or some `../`.
    pub root: String,
    /// Of this page, from the root; to come back to after logging in.
    pub path: String,
    pub style: String,
    pub icon: String,
    pub script: String,
    /// The script of the search field.
    pub find: String,
    /// Of the script that shows times in the reader's zone.
    pub times: String,
    pub crumbs: Vec<Crumb>,
    pub user: Option<String>,
    /// What each form sends along; empty unless the reader is logged in by a cookie.
    pub csrf: String,
    /// This server's root as the reader sees it, for calls that scripts make.
    pub home: String,
    /// Whether there are curated indexes, and so requests.
    pub curated: bool,
    pub version: &'static str,
}

/// A step of the way from the root to this page.
#[derive(Clone, Debug)]
pub struct Crumb {
    pub label: String,
    /// From the root, percent-encoded.
    pub href: String,
}

impl Frame {
    /// The frame of the page at `path`, whose steps are `segments`.
    pub fn new(path: &str, segments: &[&str], user: Option<String>) -> Self {
        let title = match segments {
            [] => "wheelwright".to_owned(),
            [_, _, rest @ ..] if !rest.is_empty() => format!("{} · wheelwright", rest.join(" ")),
            all => format!("{} · wheelwright", all.join("/")),
        };
        let mut href = String::new();
        let crumbs = segments.iter().map(|segment| {
            if !href.is_empty() {
                href.push('/');
            }
            // Words of ours begin with a plus, which stays as it is.
            let (plus, rest) = segment.split_at(usize::from(segment.starts_with('+')));
            href.push_str(plus);
            href.push_str(&encode_segment(rest));
            Crumb { label: (*segment).to_owned(), href: href.clone() }
        });
        Self {
            title,
            root: up(path.matches('/').count().saturating_sub(1)),
            path: path.trim_start_matches('/').to_owned(),
            style: assets::STYLE.href.clone(),
            icon: assets::ICON.href.clone(),
            script: assets::SCRIPT.href.clone(),
            find: assets::FIND.href.clone(),
            times: assets::TIMES.href.clone(),
            crumbs: crumbs.collect(),
            user,
            csrf: String::new(),
            home: String::new(),
            curated: false,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn of(ctx: &Visit, segments: &[&str]) -> Self {
        Self {
            csrf: ctx.who.form_token.clone(),
            home: ctx.root(),
            curated: ctx.directory.indexes.values().any(Index::is_curated),
            ..Self::new(ctx.uri.path(), segments, ctx.who.user.clone())
        }
    }
}

/// The relative way to the root from a page that many folders deep: `/a/b` is one.
fn up(folders: usize) -> String {
    match folders {
        0 => "./".to_owned(),
        folders => "../".repeat(folders),
    }
}

/// Renders a page. What only some may see, or shows who asks, is kept nowhere.
fn answer(ctx: &Visit, page: &impl Template) -> Result<Response> {
    let html = page.render().map_err(Error::internal)?;
    let private = ctx.who.user.is_some() || ctx.index().is_ok_and(|index| is_private(ctx, &index.name));
    let cache = if private { "private, no-store" } else { "no-cache" };
    let packed = negotiate::takes_gzip(&ctx.headers) && html.len() > 1024;
    let body = if packed { gzip::pack(html.as_bytes(), 1)? } else { html.into() };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    respond::for_people(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether strangers may not read the index.
fn is_private(ctx: &Visit, index: &IndexName) -> bool {
    let stranger = Who::default();
    access::decide(&ctx.directory, &stranger, Need::Read, Some(index), None, None) != Decision::Allowed
}

/// Whether the asker may read the index.
pub(super) fn may_read(ctx: &Visit, index: &IndexName) -> bool {
    access::decide(&ctx.directory, &ctx.who, Need::Read, Some(index), None, None) == Decision::Allowed
}

/// `alice/dev` as the beginning of a link.
fn index_href(index: &IndexName) -> String {
    format!("{}/{}", encode_segment(index.user()), encode_segment(index.name()))
}

#[cfg(test)]
mod tests;

//! The simple API: project pages and the list of projects.

use super::http::audience::is_installer;
use super::http::{Ctx, negotiate};
use super::target::{AUTO, for_agent, for_one_environment, for_target};
use super::wishes;
use crate::counters;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::sight::UnapprovedFiles;
use crate::index::view::{Amend, PageForm, Prepared, Variant, ViewRequest};
use crate::names::ProjectName;
use crate::tools::time::Micros;
use crate::upstream::client;
use crate::{bad, missing};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::sync::Arc;

mod form;
mod list;
pub use list::list;

const LAST_SERIAL: HeaderName = HeaderName::from_static("x-pypi-last-serial");
// With what `shared_caches` wants to see there, so that it need not write it for every answer.
pub(super) const BY_ACCEPT: HeaderValue =
    HeaderValue::from_static("Accept, Accept-Encoding, Authorization, Cookie, X-Devpi-Auth");
const BY_AGENT: HeaderValue =
    HeaderValue::from_static("Accept, Accept-Encoding, User-Agent, Authorization, Cookie, X-Devpi-Auth");

/// Whose page is asked for, and by whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// An index by its name: what exists and, where its option `promise` says so, what is promised to a client that
    /// writes no lock for others.
    Index,
    /// The default index, with what is promised to the client.
    Client,
    /// Several indexes, with what is promised to a target.
    Several,
}

/// `…/+simple/{project}/`: the page, under its one normalised URL.
pub async fn project(ctx: Ctx) -> Result<Response> {
    project_of(ctx, Of::Index).await
}

/// `/simple/{project}/`
pub async fn project_for_client(ctx: Ctx) -> Result<Response> {
    project_of(ctx, Of::Client).await
}

/// `/v1/{indexes}/{target}/+simple/{project}/`
pub async fn project_for_target(ctx: Ctx) -> Result<Response> {
    project_of(ctx, Of::Several).await
}

async fn project_of(ctx: Ctx, of: Of) -> Result<Response> {
    let name = named(&ctx)?;
    let asked = ctx.param("project");
    if asked != name.as_str() || !ctx.uri.path().ends_with('/') {
        let up = if ctx.uri.path().ends_with('/') { "../" } else { "" };
        return redirect(&ctx, StatusCode::MOVED_PERMANENTLY, format!("{up}{name}/"));
    }
    let by_agent = of == Of::Client || of == Of::Several && ctx.param("target") == AUTO;
    page(ctx.without_body(), name, if by_agent { BY_AGENT } else { BY_ACCEPT }, of).await
}

/// `I/{project}` as installers see it (`pip install -i …/alice/dev`): the same page, no redirect.
pub async fn project_for_installers(ctx: Ctx) -> Result<Response> {
    let name = named(&ctx)?;
    page(ctx.without_body(), name, BY_AGENT, Of::Index).await
}

/// `POST …/+simple/{project}/refresh`: asks the upstream anew.
pub async fn refresh(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let name = named(&ctx)?;
    let ask = ask(&ctx, &name, ctx.index()?, PageForm::Html, true)?;
    ctx.app.indexes.views.project(ask).await?;
    redirect(&ctx, StatusCode::FOUND, format!("../{name}/"))
}

/// `…/+simple`: the one URL of the list has a slash.
pub async fn slash(ctx: Ctx) -> Result<Response> {
    let last = ctx.uri.path().rsplit('/').next().unwrap_or_default();
    redirect(&ctx, StatusCode::MOVED_PERMANENTLY, format!("{last}/"))
}

fn named<B>(ctx: &Ctx<B>) -> Result<ProjectName> {
    let text = ctx.param("project");
    ProjectName::new(text).ok_or_else(|| missing!("{text:?} is not a valid project name"))
}

/// To a relative place, so that it holds behind any proxy; the query is kept.
pub(super) fn redirect<B>(ctx: &Ctx<B>, status: StatusCode, mut location: String) -> Result<Response> {
    if let Some(query) = ctx.uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let location = HeaderValue::try_from(location).map_err(|_| bad!("the query of this URL is not valid"))?;
    let mut response = (status, [(header::LOCATION, location)]).into_response();
    if ctx.who.user.is_none() {
        open_to_scripts(response.headers_mut());
    }
    Ok(response)
}

async fn page(ctx: Ctx<()>, name: ProjectName, mut vary: HeaderValue, of: Of) -> Result<Response> {
    let fresh = negotiate::wants_fresh(&ctx.headers);
    let form = form(&ctx)?;
    let promised = match of {
        Of::Index if !ctx.index()?.promises || is_plain(&ctx) => None,
        Of::Index => {
            vary = BY_AGENT;
            for_one_environment(&ctx).await?
        }
        Of::Client => for_agent(&ctx).await?,
        Of::Several => for_target(&ctx).await?,
    };
    let amend = promised.as_ref().map(|promised| promised as &dyn Amend);
    let found = match found(&ctx, &name, of, (form, fresh, amend), UnapprovedFiles::Hidden).await {
        // They hide why a page is missing, and show why a file is. A replica does not know what is approved: its primary does.
        Err(Error::Unapproved(_)) if is_installer(&ctx.headers) && ctx.app.replica.is_none() => {
            vary = BY_AGENT;
            found(&ctx, &name, of, (form, fresh, None), UnapprovedFiles::Told).await
        }
        found => found,
    };
    match found {
        Ok(prepared) => Ok(answer(&ctx, &prepared, vary)),
        Err(error) => {
            let index = match of {
                Of::Several => ctx.indexes()?.first().map(|index| index.name.clone()),
                _ => Some(ctx.index()?.name.clone()),
            };
            index.iter().for_each(|index| wishes::note(&ctx, index, &name, &error));
            Err(error)
        }
    }
}

/// The prepared page.
async fn found(
    ctx: &Ctx<()>,
    name: &ProjectName,
    of: Of,
    (form, fresh, amend): (PageForm, bool, Option<&dyn Amend>),
    unapproved: UnapprovedFiles,
) -> Result<Arc<Prepared>> {
    let views = &ctx.app.indexes.views;
    if of != Of::Several {
        let ask = ask(ctx, name, ctx.index()?, form, fresh)?;
        return views.project(ViewRequest { amend, unapproved, ..ask }).await;
    }
    let indexes = ctx.indexes()?;
    let asks = indexes.iter().map(|index| ask(ctx, name, index, form, fresh));
    let set = &indexes[..];
    let asks: Vec<ViewRequest<'_>> =
        asks.map(|ask| Ok(ViewRequest { amend, set, unapproved, ..ask? })).collect::<Result<_>>()?;
    views.first_prepared(&asks).await
}

fn form<B>(ctx: &Ctx<B>) -> Result<PageForm> {
    let format = ctx.uri.query().and_then(|_| ctx.query("format"));
    form::form(&ctx.headers, format.as_deref())
}

/// `…?plain`: what exists, whoever asks.
fn is_plain<B>(ctx: &Ctx<B>) -> bool {
    ctx.query("plain").is_some()
}

pub(super) fn ask<'a, B>(
    ctx: &'a Ctx<B>,
    project: &'a ProjectName,
    index: &'a Index,
    form: PageForm,
    refresh: bool,
) -> Result<ViewRequest<'a>> {
    not_from_below(ctx, index)?;
    let slashes = ctx.uri.path().bytes().filter(|byte| *byte == b'/').count();
    Ok(ViewRequest {
        directory: &ctx.directory,
        index,
        project,
        who: &ctx.who,
        form,
        depth: u8::try_from(slashes.saturating_sub(1)).unwrap_or_default(),
        as_of: as_of(ctx)?,
        base_url: ctx.base_url(),
        refresh,
        amend: None,
        set: &[],
        unapproved: UnapprovedFiles::Hidden,
    })
}

/// Refuses a request of this server's own mirror that came back to it.
fn not_from_below<B>(ctx: &Ctx<B>, index: &Index) -> Result<()> {
    let (indexes, asker) = (&ctx.app.indexes, ctx.headers.get(client::ASKER));
    indexes.views.not_from_below(&ctx.directory, &index.name, indexes.uuid(), asker)
}

/// The moment that `+at/{date}` names: the end of a day (UTC), or a time.
fn as_of<B>(ctx: &Ctx<B>) -> Result<Option<Micros>> {
    let text = ctx.param("date");
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
    let at = match day {
        Some(day) => day.tomorrow().ok().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC).ok()),
        None => text.parse::<jiff::Timestamp>().ok().map(|at| at.to_zoned(jiff::tz::TimeZone::UTC)),
    };
    let at =
        at.ok_or_else(|| bad!("{text:?} is not a date: write it like 2026-05-03 or 2026-05-03T12:00:00Z"))?;
    Ok(Some(at.timestamp().as_microsecond() - i64::from(day.is_some())))
}

/// The prepared bytes, or 304.
pub(super) fn answer<B>(ctx: &Ctx<B>, page: &Prepared, vary: HeaderValue) -> Response {
    let (variant, packed) = chosen(&ctx.headers, page);
    let unchanged = negotiate::none_match(&ctx.headers, &variant.etag);
    let body = if unchanged { Body::empty() } else { Body::from(variant.body.clone()) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.reserve(14);
    headers.insert(header::ETAG, variant.etag.clone());
    headers.insert(header::CACHE_CONTROL, page.cache_control.clone());
    headers.insert(header::VARY, vary);
    if let Some(serial) = &page.serial {
        headers.insert(LAST_SERIAL, serial.clone());
    }
    if page.stale {
        counters::STALE_ANSWERS.one();
        headers.insert(header::WARNING, HeaderValue::from_static("110 wheelwright \"Response is Stale\""));
    }
    if page.public && ctx.who.user.is_none() {
        open_to_scripts(headers);
    }
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, page.content_type.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn chosen<'a>(headers: &HeaderMap, page: &'a Prepared) -> (&'a Variant, bool) {
    match &page.gzip {
        Some(gzip) if negotiate::takes_gzip(headers) => (gzip, true),
        _ => (&page.identity, false),
    }
}

/// Public pages may be read by scripts of other sites: installers that run in browsers do.
fn open_to_scripts(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = HeaderValue::from_static("X-PyPI-Last-Serial");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

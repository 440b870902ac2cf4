//! `/+requests`: what was asked of curated indexes, and what approvers decide.

use super::http::audience::is_installer;
use super::http::respond::{self, Problem, Wants};
use super::http::{Audience, Ctx, slow};
use super::pages;
use super::target::for_agent;
use super::wishes::target;
use crate::access;
use crate::db::requests::StoredRequest;
use crate::error::{Error, Result};
use crate::index::behind::Unapproved;
use crate::index::curation::{self, Standing};
use crate::index::requests::{NewRequest, RequestOutcome, RequestView, Ruling, time};
use crate::names::IndexName;
use crate::packaging::version;
use crate::words::RequestState;
use crate::{bad, missing};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

/// Bytes of rules.
const LARGEST_RULES: usize = 1 << 20;

/// What somebody asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    index: String,
    /// `six==1.16.0`, or `six`
    requirement: String,
    #[serde(default)]
    target: String,
}

/// What an approver says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    reason: String,
    /// `90d`
    expires: Option<String>,
    #[serde(default)]
    with_closure: bool,
    /// `>=2,<3`
    specifier: Option<String>,
}

/// `GET /+requests`: those of indexes that the asker may read; `?index=` and `?state=` limit them.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let index = ctx.query("index").filter(|text| !text.is_empty()).map(|text| named(&text)).transpose()?;
    let state = ctx.query("state").filter(|text| !text.is_empty()).map(|text| {
        RequestState::parse(&text)
            .ok_or_else(|| bad!("state={text} is unknown: write open, approved or refused"))
    });
    let reads = |index: &IndexName| reads(&ctx, index);
    let requests = ctx.app.requests.list(index.as_ref(), state.transpose()?, reads).await?.into_iter();
    let requests = requests.map(|request| shown(&ctx, request));
    let requests: Vec<RequestView> = requests.collect();
    if ctx.audience() == Audience::Person {
        return pages::requests::list(&ctx, requests);
    }
    respond::devpi(StatusCode::OK, "list:request", json!(requests), None)
}

/// `GET /+requests/{id}`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let request = visible(&ctx).await?;
    let may_approve = ctx.app.requests.may_approve(&ctx.who, &request.index, Some(&request.project)).is_ok();
    let request = shown(&ctx, request);
    if ctx.audience() == Audience::Person {
        return pages::requests::show(&ctx, request, may_approve);
    }
    respond::devpi(StatusCode::OK, "request", json!(request), None)
}

/// `POST /+requests`: asks for what no installer asks for by itself.
pub async fn add(mut ctx: Ctx) -> Result<Response> {
    let wanted: Wanted = ctx.json().await?;
    let ctx = ctx.without_body();
    let index = named(&wanted.index)?;
    if !reads(&ctx, &index) {
        return Err(missing!("index {index} does not exist, or you may not read it"));
    }
    let new = NewRequest::parse(index, &wanted.requirement, wanted.target)?;
    match ctx.app.requests.ask(&ctx.who, new).await? {
        RequestOutcome::Open(id) => {
            let request = shown(&ctx, ctx.app.requests.get(id).await?);
            let url = format!("{}/+requests/{id}", ctx.root());
            respond::devpi(StatusCode::CREATED, "request", json!(request), Some(&format!("requested: {url}")))
        }
        RequestOutcome::Approved => respond::done(&format!("{} is approved already", wanted.requirement)),
        RequestOutcome::Refused(why) => {
            Err(Error::Unapproved(format!("{} is refused: {why}", wanted.requirement)))
        }
    }
}

/// `POST /+requests/{id}/approve`
pub async fn approve(ctx: Ctx) -> Result<Response> {
    decide(ctx, true).await
}

/// `POST /+requests/{id}/refuse`
pub async fn refuse(ctx: Ctx) -> Result<Response> {
    decide(ctx, false).await
}

async fn decide(mut ctx: Ctx, approves: bool) -> Result<Response> {
    let said: Said = ctx.json().await?;
    let ctx = ctx.without_body();
    let request = visible(&ctx).await?;
    let ruling = Ruling {
        approves,
        reason: said.reason,
        expires: said.expires.as_deref().map(time).transpose()?,
        with_closure: said.with_closure,
        specifier: said.specifier,
        if_open: false,
    };
    let request = ctx.app.requests.decide(&ctx.who, request.id, &ruling).await?;
    let message = format!("request {} is {}", request.id, request.state);
    respond::devpi(StatusCode::OK, "request", json!(shown(&ctx, request)), Some(&message))
}

/// `GET I/+rules`: the rules that decide requests, for those who may change them.
pub async fn rules(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let rules = ctx.app.requests.rules(&ctx.index()?.name).await?;
    let text = rules.map(|stored| stored.rules).unwrap_or_default();
    match ctx.audience() {
        Audience::Person => pages::rules::show(&ctx, text),
        _ => Ok(respond::text(text)),
    }
}

/// `PUT I/+rules`: the body replaces them; `?dry_run` only tells what it would have done.
pub async fn set_rules(mut ctx: Ctx) -> Result<Response> {
    let body = slow::whole(std::mem::take(&mut ctx.body), LARGEST_RULES, "the rules").await?;
    let text = String::from_utf8(body.into()).map_err(|_| bad!("the rules are not UTF-8"))?;
    let (requests, index) = (&ctx.app.requests, &ctx.index()?.name);
    if ctx.query("dry_run").is_some() {
        let trials = requests.try_rules(&ctx.who, index, &text).await?;
        return respond::devpi(StatusCode::OK, "list:trial", json!(trials), None);
    }
    let decided = requests.set_rules(&ctx.who, index, &text).await?;
    respond::devpi(StatusCode::OK, "rules", json!({ "decided": decided }), Some("rules changed"))
}

/// The answer to who asks a curated index for a file that is not approved. An installer's question becomes a request;
/// `None`: a rule approved that.
pub async fn unapproved(ctx: &Ctx<()>, release: &Unapproved) -> Result<Option<Response>> {
    let index = ctx.index()?;
    let installs = is_installer(&ctx.headers) || ctx.is_part;
    // A replica's primary knows the requests.
    if !installs || ctx.app.replica.is_some() {
        return Err(release.error(index));
    }
    let wanted = NewRequest {
        index: index.name.clone(),
        project: release.project.clone(),
        version: version::parse(&release.version),
        target: wanted_for(ctx).await?,
    };
    let (title, said, see) = match ctx.app.requests.ask(&ctx.who, wanted).await? {
        RequestOutcome::Approved => return Ok(None),
        RequestOutcome::Refused(why) => ("Refused", format!("refused on {}: {why}", index.name), None),
        RequestOutcome::Open(id) => (
            "Not yet approved",
            "requested, not yet approved".to_owned(),
            Some(format!("{}/+requests/{id}", ctx.root())),
        ),
    };
    let what = match &release.standing {
        Standing::Late(approved) => format!(
            "{} came after {} {} was approved ({}): it is {said}",
            release.filename,
            release.project,
            release.version,
            curation::day(*approved)
        ),
        _ => format!("{} {} is {said}", release.project, release.version),
    };
    let end = see.as_ref().map(|url| format!(": {url}")).unwrap_or_default();
    let problem = Problem {
        status: StatusCode::FORBIDDEN,
        title: title.to_owned(),
        reason: respond::short(&what, &end),
        detail: format!("{what}{end}"),
        see,
        retry_after: None,
    };
    let wants = Wants::of(&ctx.headers).at(ctx.uri.path());
    Ok(Some(respond::problem(&problem, wants, pages::error::render)))
}

/// The name of the target that an installer asks for, as builds have it where they do.
async fn wanted_for(ctx: &Ctx<()>) -> Result<String> {
    Ok(match for_agent(ctx).await? {
        Some(known) => known.offered.target.name.clone(),
        None => target(&ctx.headers).unwrap_or_default(),
    })
}

fn named(text: &str) -> Result<IndexName> {
    IndexName::parse(text).ok_or_else(|| bad!("'{text}' is not a valid index name: write user/index"))
}

fn reads(ctx: &Ctx<()>, index: &IndexName) -> bool {
    let index = ctx.directory.indexes.get(index);
    index.is_some_and(|index| access::may_read(&ctx.directory, &ctx.who, index))
}

fn shown(ctx: &Ctx<()>, request: StoredRequest) -> RequestView {
    match ctx.app.requests.may_approve(&ctx.who, &request.index, Some(&request.project)) {
        Ok(()) => RequestView::from(request),
        Err(_) => RequestView::from(request).for_readers(),
    }
}

/// The request of the path, if the asker may read its index.
async fn visible(ctx: &Ctx<()>) -> Result<StoredRequest> {
    let unknown = || {
        let advice = if ctx.who.user.is_none() { ": log in" } else { "" };
        missing!("request {} does not exist, or you may not see it{advice}", ctx.param("id"))
    };
    let id: i64 = ctx.param("id").parse().map_err(|_| unknown())?;
    match ctx.app.requests.get(id).await {
        Err(Error::Missing(_)) => Err(unknown()),
        Ok(request) if !reads(ctx, &request.index) => Err(unknown()),
        found => found,
    }
}

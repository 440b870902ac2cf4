//! `/+builds`: what is built and was built, for people and scripts.

pub mod again;
pub mod ask;
pub mod events;
pub mod work;

use super::http::{Audience, Ctx, respond};
use super::pages::{self, builds::PAGE, builds::WAITING};
use crate::access::{self, Decision, Need};
use crate::build::parties::Parties;
use crate::build::queue::Queue;
use crate::build::statistics::BuildStatistics;
use crate::build::target;
use crate::build::view::{BuildView, WorkerView};
use crate::build::visible::Visible;
use crate::db::builds::{Build, BuildId, BuiltWheel, Filter};
use crate::db::downloads::DAY;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::store::Blob;
use crate::tools::time::now;
use crate::words::{BuildState, Purpose, StatisticsPeriod};
use crate::{bad, forbidden, lost, missing};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A list leafs through so many rows at most to find those that the asker may see.
const LOOKED_AT: usize = 5000;

/// Who reads a log that goes on is asked so often whether they still may.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// `GET /+builds/{id}?wait=20`: at most so many seconds.
const LONGEST_WAIT: u64 = 60;

fn no_build<B>(ctx: &Ctx<B>) -> Error {
    let advice = if ctx.who.user.is_none() { ": log in" } else { "" };
    missing!("build {} does not exist, or you may not see it{advice}", ctx.param("id"))
}

/// The number in the path.
pub(super) fn number<B>(ctx: &Ctx<B>) -> Result<BuildId> {
    let text = ctx.param("id");
    text.parse().map_err(|_| no_build(ctx))
}

/// The build of the path.
///
/// # Errors
/// `Missing` if there is none, or if the asker may not see it.
async fn visible(ctx: &Ctx<()>) -> Result<(Build, Parties)> {
    let id = number(ctx)?;
    let build = match ctx.app.queue.get(id).await {
        Err(Error::Missing(_)) => return Err(no_build(ctx)),
        found => found?,
    };
    let parties = ctx.app.queue.parties(&build).await?;
    let sees = |directory: &Directory| access::sees_build(directory, &ctx.who, parties.sight(&build));
    if !sees(&ctx.directory) {
        ctx.app.indexes.refresh().await?;
        if !sees(&ctx.app.indexes.directory()) {
            return Err(no_build(ctx));
        }
    }
    Ok((build, parties))
}

/// Whether the asker of a request that goes on may see the build as of now: who was shut out, or whose credential has
/// ended, hears no more.
async fn still_sees(ctx: &Ctx<()>, id: BuildId) -> Result<bool> {
    let directory = ctx.app.indexes.directory();
    let who = Box::pin(ctx.app.people.who(&directory, &ctx.headers, ctx.peer.ip()));
    let who = match who.await {
        Ok(who) => who,
        Err(Error::Unauthenticated(_)) => return Ok(false),
        // Nobody can tell at the moment.
        Err(_) => ctx.who.clone(),
    };
    let build = ctx.app.queue.get(id).await?;
    let parties = ctx.app.queue.parties(&build).await?;
    Ok(access::sees_build(&directory, &who, parties.sight(&build)))
}

/// The build as it is now and as the asker may know it.
async fn view(ctx: &Ctx<()>, id: BuildId) -> Result<BuildView> {
    let build = ctx.app.queue.get(id).await?;
    let parties = ctx.app.queue.parties(&build).await?;
    ctx.app.queue.view(&ctx.directory, &ctx.who, &build, &parties).await
}

/// What the query asks for, and of which targets; `None` if no build can be so.
async fn asked_for(ctx: &Ctx<()>) -> Result<Option<(Filter, Option<Vec<String>>)>> {
    let text = |name: &str| ctx.query(name).filter(|value| !value.is_empty());
    let before =
        text("before").map(|value| value.parse().map_err(|_| bad!("before must be the number of a build")));
    let waiting = text("state").is_some_and(|name| name == WAITING);
    let state = text("state").filter(|_| !waiting).map(|name| {
        let names: Vec<&str> = BuildState::ALL.iter().map(|state| state.name()).collect();
        let unknown =
            || bad!("{name:?} is not a state of builds: use one of {}, {WAITING}", names.join(", "));
        BuildState::parse(&name).ok_or_else(unknown)
    });
    let state = state.transpose()?;
    let index: Option<Option<IndexName>> = meaning(text("index"));
    // Who may not read an index does not learn what is built for it.
    let index = index.filter(|index| index.as_ref().is_none_or(|index| pages::may_read(ctx, index)));
    let Some(index) = index else { return Ok(None) };
    let targets = match text("target") {
        Some(asked) => Some(meant(ctx, &asked).await?),
        None => None,
    };
    let purpose = text("purpose").unwrap_or_else(|| Purpose::Wheel.to_string());
    let purpose = Some(purpose).filter(|purpose| purpose != "any");
    let words =
        (meaning(text("project")), meaning(text("class")), meaning(text("context")), meaning(purpose));
    let (Some(project), Some(class), Some(context), Some(purpose)) = words else { return Ok(None) };
    let filter = Filter {
        state,
        waiting,
        index,
        project,
        version: text("version"),
        target: targets.as_deref().and_then(|names| names.first().filter(|_| names.len() == 1)).cloned(),
        class,
        context,
        purpose,
        before: before.transpose()?,
        limit: PAGE as u32,
    };
    Ok(Some((filter, targets)))
}

/// What a text means that may be missing; `None` if it is the name or word of nothing.
fn meaning<T: FromStr>(text: Option<String>) -> Option<Option<T>> {
    text.map_or(Some(None), |text| text.parse().ok().map(Some))
}

/// The builds that fit the query and that the asker may see, newest first.
async fn visible_list(ctx: &Ctx<()>) -> Result<Vec<BuildView>> {
    let Some((mut filter, targets)) = asked_for(ctx).await? else { return Ok(Vec::new()) };
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let (queue, directory, who) = (&ctx.app.queue, &ctx.directory, &ctx.who);
    let (mut seen, mut looked) = (Vec::new(), 0);
    while seen.len() < PAGE && looked < LOOKED_AT {
        let builds = queue.list(&filter).await?;
        let Some(last) = builds.last() else { break };
        filter.before = Some(last.id);
        looked += builds.len();
        for build in builds {
            let fits = targets.as_ref().is_none_or(|names| names.contains(&build.target));
            if !fits || seen.len() >= PAGE {
                continue;
            }
            let parties = queue.parties(&build).await?;
            if access::sees_build(directory, who, parties.sight(&build)) {
                seen.push(queue.view(directory, who, &build, &parties).await?);
            }
        }
    }
    Ok(seen)
}

/// Names of the targets that `cp312` or a whole name mean; of one that nobody offers any more, itself.
async fn meant(ctx: &Ctx<()>, asked: &str) -> Result<Vec<String>> {
    let known = ctx.app.targets.known().await?;
    match target::find(asked, &known) {
        Ok(found) => Ok(found.into_iter().map(|target| target.name.clone()).collect()),
        Err(_) if asked.contains('-') => Ok(vec![asked.to_owned()]),
        Err(error) => Err(bad!("{error}")),
    }
}

/// `GET /+builds?state=&project=&version=&target=&index=&class=&context=&purpose=&before=`: of wheels, unless
/// a purpose (`metadata`, or `any`) is given.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let builds = visible_list(&ctx).await?;
    if ctx.audience() == Audience::Person {
        return pages::builds::show(&ctx, builds);
    }
    respond::devpi(StatusCode::OK, "list:build", json!(builds), None)
}

/// `GET /+builds/statistics?period=day`: what ended by days, weeks or months. Of all builds, as `/metrics` tells too.
pub async fn statistics(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let period = match ctx.query("period").filter(|period| !period.is_empty()) {
        None => StatisticsPeriod::default(),
        Some(name) => StatisticsPeriod::parse(&name)
            .ok_or_else(|| bad!("{name:?} is not a period: use one of day, week, month"))?,
    };
    let statistics = BuildStatistics::read(&ctx.app.db, period, now().div_euclid(DAY)).await?;
    if ctx.audience() == Audience::Person {
        return pages::statistics::show(&ctx, statistics);
    }
    respond::devpi(StatusCode::OK, "statistics", json!(statistics), None)
}

/// `GET /+builds/{id}`; `?wait=SECONDS` answers when it has ended, or after that time.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (mut build, mut parties) = visible(&ctx).await?;
    if let Some(seconds) = ctx.query("wait") {
        let seconds: u64 = seconds.parse().map_err(|_| bad!("wait must be a number of seconds"))?;
        let longest = Duration::from_secs(seconds.min(LONGEST_WAIT));
        build = ctx.app.queue.wait(build.id, longest).await?;
        parties = ctx.app.queue.parties(&build).await?;
    }
    let view = ctx.app.queue.view(&ctx.directory, &ctx.who, &build, &parties).await?;
    if ctx.audience() == Audience::Person {
        return pages::build::show(&ctx, &build, &parties, view).await;
    }
    respond::devpi(StatusCode::OK, "build", json!(view), None)
}

/// `GET /+builds/{id}/log`: as plain text, which goes on while the build runs. What would steer a
/// terminal is made visible; `?raw` gives the bytes as they are.
pub async fn log(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (build, _) = visible(&ctx).await?;
    let is_raw = ctx.query("raw").is_some();
    let log = ctx.app.queue.watch_log(build.id);
    let bytes = async_stream::try_stream! {
        let mut log = std::pin::pin!(log);
        let mut asked = Instant::now();
        while let Some(piece) = log.next().await {
            if asked.elapsed() > ASKED_AGAIN {
                if !still_sees(&ctx, build.id).await? {
                    break;
                }
                asked = Instant::now();
            }
            yield piece?;
        }
    };
    let body = match is_raw {
        true => Body::from_stream(bytes),
        false => Body::from_stream(visibly(bytes)),
    };
    Ok(respond::text(body))
}

/// The log as text that no terminal obeys.
fn visibly(bytes: impl Stream<Item = Result<Bytes>> + Send) -> impl Stream<Item = Result<Bytes>> + Send {
    async_stream::try_stream! {
        let mut bytes = std::pin::pin!(bytes);
        let mut visible = Visible::default();
        while let Some(piece) = bytes.next().await {
            let text = visible.push(&piece?);
            if !text.is_empty() {
                yield Bytes::from(text);
            }
        }
        yield Bytes::from(visible.finish());
    }
}

/// `GET /+builds/{id}/wheel/{filename}`
pub async fn wheel(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (build, _) = visible(&ctx).await?;
    let filename = ctx.param("filename");
    let wheel = build.finished_wheel().filter(|wheel| wheel.filename == filename);
    let wheel = wheel.ok_or_else(|| missing!("build {} has no wheel {filename}", build.id))?;
    wheel_response(&ctx, &build, wheel).await
}

/// `GET /+builds/{id}/wheel/{sha256}/{filename}`: for whoever was told the wheel's hash. Only those who
/// may have the wheel are; an installer that gets the URL needs no credential then.
pub async fn told_wheel(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (sha256, filename) = (ctx.param("sha256"), ctx.param("filename"));
    let build = ctx.app.queue.get(number(&ctx)?).await.map_err(|error| match error {
        Error::Missing(_) => no_build(&ctx),
        other => other,
    })?;
    let wheel = build.finished_wheel().filter(|wheel| wheel.filename == filename && wheel.sha256 == sha256);
    match wheel {
        Some(wheel) => wheel_response(&ctx, &build, wheel).await,
        None => Err(no_build(&ctx)),
    }
}

async fn wheel_response(ctx: &Ctx<()>, build: &Build, wheel: &BuiltWheel) -> Result<Response> {
    if let Err(error) = Queue::permit(&ctx.directory, build) {
        return super::files::refused(error, &ctx.headers, ctx.uri.path());
    }
    let blob = ctx.app.store.get(&wheel.sha256, None).await?;
    let lost = || lost!("the server lost the bytes of {}", wheel.filename);
    let mut response = blob_response(blob.ok_or_else(lost)?);
    let etag = HeaderValue::try_from(format!("\"{}\"", wheel.sha256)).map_err(Error::internal)?;
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

/// A blob as an attachment.
pub(super) fn blob_response(blob: Blob) -> Response {
    let mut response = respond::body("application/octet-stream", "private, no-cache", blob);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    response
}

/// `GET /+targets`: what workers offer at present, cross targets too.
pub async fn targets(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let targets = ctx.app.targets.with_cross().await?;
    if ctx.audience() == Audience::Person {
        // Who builds is for accounts; what is built for is for everybody.
        let workers = match ctx.who.user.is_some() {
            true => ctx.app.targets.workers().await?,
            false => Vec::new(),
        };
        return pages::machines::targets(&ctx, targets, workers.into_iter().map(WorkerView::from).collect());
    }
    let targets = serde_json::to_value(targets).map_err(Error::internal)?;
    respond::devpi(StatusCode::OK, "list:target", targets, None)
}

/// Whether somebody may do something in an index; asked again once a body has named it.
fn decided(ctx: &Ctx<impl Send>, need: Need, index: &str, project: Option<&str>) -> access::Decision {
    access::decide(&ctx.directory, &ctx.who, need, IndexName::parse(index).as_ref(), project, None)
}

/// The permission to upload to an index, now that it is known.
fn may_publish(ctx: &Ctx<()>, index: &str, project: Option<&str>) -> Result<()> {
    match decided(ctx, Need::Upload, index, project) {
        Decision::Allowed => Ok(()),
        Decision::Refused => Err(forbidden!(
            "{} is not allowed to do this: to publish a wheel in {index}, you need permission to upload \
             there",
            ctx.who.label
        )),
        _ => Err(missing!("index {index} does not exist, or you may not read it")),
    }
}

/// The permission to have something built that an index lists, or with what it lists.
pub(super) fn may_build_from(ctx: &Ctx<()>, index: &IndexName, project: Option<&str>) -> Result<()> {
    match access::builds::may_ask(&ctx.directory, &ctx.who, index, project) {
        Decision::Allowed => Ok(()),
        Decision::Refused => Err(forbidden!(
            "{} is not allowed to do this: to build from {index}, use a token that is valid for it and allows \
             uploads",
            ctx.who.label
        )),
        _ => Err(missing!("index {index} does not exist, or you may not read it")),
    }
}

//! `/+watches`: repositories whose tags become releases, for people and scripts.

use super::http::{Audience, Ctx, drain, respond, slow};
use super::pages;
use crate::access::{self, Who};
use crate::bad;
use crate::build::watch::{NewWatch, Since, TagView, WatchView};
use crate::config::units;
use crate::db::watches::Watch;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::forbidden;
use crate::missing;
use crate::names::IndexName;
use crate::packaging::push_signature::is_signed;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::json;

/// Bytes of what a host sends when somebody pushes.
const LARGEST_PUSH: usize = 2 << 20;

/// Tags in one answer, the newest versions.
const MOST_TAGS: usize = 1000;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    index: String,
    url: String,
    /// Absent: `v{version}`.
    tags: Option<String>,
    #[serde(default)]
    targets: Vec<String>,
    /// `10m`
    every: Option<String>,
    /// A version, or `all`.
    from: Option<String>,
}

/// A watch with its tags.
#[derive(serde::Serialize)]
struct WatchAnswer {
    #[serde(flatten)]
    watch: WatchView,
    found: Vec<TagView>,
}

/// `POST /+watches`; the answer has the secret that signs webhooks of the repository.
pub async fn add(mut ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json().await?;
    let ctx = ctx.without_body();
    let name = &asked.index;
    let index =
        IndexName::parse(name).ok_or_else(|| bad!("'{name}' is not a valid index name: write user/index"))?;
    let every = asked
        .every
        .as_deref()
        .map(|text| units::seconds(text).ok_or_else(|| bad!("'{text}' is not a time like 90s, 10m or 7d")));
    let since = asked
        .from
        .as_deref()
        .map(|text| Since::parse(text).ok_or_else(|| bad!("'{text}' is neither a version nor the word all")));
    let new = NewWatch {
        index,
        url: asked.url,
        pattern: asked.tags,
        targets: asked.targets,
        every: every.transpose()?,
        since: since.transpose()?.unwrap_or_default(),
    };
    let watch = ctx.app.watches.add(&ctx.who, new).await?;
    let (id, secret) = (watch.id, watch.secret.clone());
    let made = json!({"id": id, "secret": secret, "watch": answer(&ctx, watch).await?});
    respond::devpi(StatusCode::CREATED, "watch", made, Some(&format!("watch {id} added")))
}

/// `GET /+watches`: those of indexes that the asker may read.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let watches = ctx.app.watches.list(None).await?.into_iter();
    let watches: Vec<WatchView> = watches
        .filter(|watch| reads(&ctx.directory, &ctx.who, watch))
        .map(|watch| match ctx.app.watches.may_change(&ctx.who, &watch.index) {
            Ok(()) => WatchView::from(watch),
            Err(_) => WatchView::from(watch).for_readers(),
        })
        .collect();
    if ctx.audience() == Audience::Person {
        return pages::watches::list(&ctx, watches);
    }
    respond::devpi(StatusCode::OK, "list:watch", json!(watches), None)
}

/// `GET /+watches/{id}`: with what became of each tag.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let watch = visible(&ctx).await?;
    let may_change = ctx.app.watches.may_change(&ctx.who, &watch.index).is_ok();
    let shown = answer(&ctx, watch).await?;
    if ctx.audience() == Audience::Person {
        return pages::watches::show(&ctx, shown.watch, shown.found, may_change);
    }
    respond::devpi(StatusCode::OK, "watch", json!(shown), None)
}

/// `DELETE /+watches/{id}`
pub async fn remove(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let watch = changeable(&ctx).await?;
    ctx.app.watches.remove(&ctx.who, &watch).await?;
    respond::done(&format!("watch {} removed", watch.id))
}

/// `POST /+watches/{id}/look`: the next look is due now, and tags that failed are built again.
pub async fn look(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let watch = changeable(&ctx).await?;
    let id = watch.id;
    ctx.app.watches.look_now(&watch).await?;
    if ctx.audience() == Audience::Person {
        return respond::redirect(StatusCode::SEE_OTHER, &format!("../{id}"));
    }
    let shown = answer(&ctx, ctx.app.watches.get(id).await?).await?;
    respond::devpi(StatusCode::OK, "watch", json!(shown), Some("the server looks now"))
}

/// `POST /+watches/{id}/hook`: the repository's host tells of a push. What it says is not believed: the next look
/// is due now.
pub async fn hook(mut ctx: Ctx) -> Result<Response> {
    let body = std::mem::take(&mut ctx.body);
    let ctx = ctx.without_body();
    let length =
        ctx.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > LARGEST_PUSH) {
        drain::behind_the_answer(&ctx.headers, body.into_data_stream());
        return Err(Error::TooLarge(format!("the body is larger than {LARGEST_PUSH} bytes")));
    }
    let body = slow::whole(body, LARGEST_PUSH, "the body").await?;
    let watch = match ctx.app.watches.get(number(&ctx).unwrap_or_default()).await {
        Ok(watch) => Some(watch),
        // As if the signature were wrong: numbers of watches are nobody's business.
        Err(Error::Missing(_)) => None,
        Err(error) => return Err(error),
    };
    let signed = watch.filter(|watch| is_signed(&watch.secret, &ctx.headers, &body));
    let watch = signed.ok_or_else(|| {
        forbidden!(
            "the signature is missing or wrong: set the webhook's secret to the one that was shown when the watch was \
             added"
        )
    })?;
    ctx.app.watches.hurry(&watch).await?;
    respond::done("the server looks soon")
}

async fn answer(ctx: &Ctx<()>, watch: Watch) -> Result<WatchAnswer> {
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let mut found = ctx.app.watches.tags(watch.id).await?;
    found.truncate(MOST_TAGS);
    if ctx.app.watches.may_change(&ctx.who, &watch.index).is_ok() {
        return Ok(WatchAnswer { found, watch: watch.into() });
    }
    let found = found.into_iter().map(TagView::for_readers).collect();
    Ok(WatchAnswer { found, watch: WatchView::from(watch).for_readers() })
}

/// The watch of the path, if the asker may read its index.
async fn visible(ctx: &Ctx<()>) -> Result<Watch> {
    let unknown = || {
        let advice = if ctx.who.user.is_none() { ": log in" } else { "" };
        missing!("watch {} does not exist, or you may not see it{advice}", ctx.param("id"))
    };
    let watch = match ctx.app.watches.get(number(ctx).ok_or_else(unknown)?).await {
        Err(Error::Missing(_)) => return Err(unknown()),
        found => found?,
    };
    if !reads(&ctx.directory, &ctx.who, &watch) {
        ctx.app.indexes.refresh().await?;
        if !reads(&ctx.app.indexes.directory(), &ctx.who, &watch) {
            return Err(unknown());
        }
    }
    Ok(watch)
}

/// The same, if they may upload there, too.
async fn changeable(ctx: &Ctx<()>) -> Result<Watch> {
    let watch = visible(ctx).await?;
    ctx.app.watches.may_change(&ctx.who, &watch.index)?;
    Ok(watch)
}

fn reads(directory: &Directory, who: &Who, watch: &Watch) -> bool {
    directory.indexes.get(&watch.index).is_some_and(|index| access::may_read(directory, who, index))
}

fn number(ctx: &Ctx<()>) -> Option<i64> {
    ctx.param("id").parse().ok()
}

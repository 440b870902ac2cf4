//! The wheels proxy, `/v1/{indexes}/{target}/…`: reads the request, lets `build::demand` work, and writes the
//! answer. `simple` has its pages.

mod gate;

use super::http::{Ctx, respond, slow};
use super::router::Router;
use super::simple;
use super::target::for_target;
use crate::build::demand::{Demand, Uniform};
use crate::error::{Error, Result};
use crate::index::sight::UnapprovedFiles;
use crate::index::view::{PageForm, ViewRequest};
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::words::OlderVersions;
use crate::{bad, missing};
use axum::response::Response;
pub use gate::Gate;
use std::sync::Arc;

/// The most bytes of a requirements file.
const LARGEST: usize = 1 << 20;

/// `POST …/+compile/`: requirements in, pinned requirements out. With `?older=accept` in older versions, too, where
/// the build of a newer one failed.
pub async fn compile(mut ctx: Ctx, router: Arc<Router>) -> Result<Response> {
    let older = older(&ctx)?;
    let _held = ctx.turn_before_body(|quota| &quota.held).await?;
    let text = text(&mut ctx).await?;
    let ctx = ctx.without_body();
    let demand = demand(&ctx).await?;
    let mut input = demand.read_requirements(&text).await?;
    let gate = Gate::open(&ctx, router, std::mem::take(&mut input.wheels)).await?;
    let (indexes, target) = (ctx.param("indexes"), &demand.target.offered.target.name);
    let (indexes, target) = (encode_segment(indexes), encode_segment(target));
    let index = format!("{}/v1/{indexes}/{target}/+compile/", gate.root());
    Ok(respond::text(demand.compile(&input, gate.root(), &index, older).await?))
}

fn older<B>(ctx: &Ctx<B>) -> Result<OlderVersions> {
    let Some(text) = ctx.query("older") else { return Ok(OlderVersions::default()) };
    OlderVersions::parse(&text)
        .ok_or_else(|| bad!("older={text} is unknown: write older=accept or older=refuse"))
}

/// `GET …/+compile/{project}/`: the page as the resolver reads it.
pub async fn compile_page(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let name = ProjectName::new(ctx.param("project"))
        .ok_or_else(|| missing!("{:?} is not a valid project name", ctx.param("project")))?;
    let target = for_target(&ctx).await?.ok_or_else(|| {
        missing!("the target is unknown: replace auto in the URL with the name of a target")
    })?;
    let uniform = Uniform::new(target);
    let indexes = ctx.indexes()?;
    let set = &indexes[..];
    let ask = |index, unapproved| {
        let ask = simple::ask(&ctx, &name, index, PageForm::Json, false)?;
        Ok(ViewRequest { amend: Some(&uniform), set, unapproved, ..ask })
    };
    let asks = |unapproved| indexes.iter().map(|index| ask(index, unapproved)).collect::<Result<Vec<_>>>();
    let views = &ctx.app.indexes.views;
    let prepared = match views.first_prepared(&asks(UnapprovedFiles::Hidden)?).await {
        Err(Error::Unapproved(_)) => views.first_prepared(&asks(UnapprovedFiles::Told)?).await?,
        found => found?,
    };
    Ok(simple::answer(&ctx, &prepared, simple::BY_ACCEPT))
}

/// `POST …/+resolve/`: pinned requirements in, one URL a line out.
pub async fn resolve(mut ctx: Ctx) -> Result<Response> {
    let _held = ctx.turn_before_body(|quota| &quota.held).await?;
    let text = text(&mut ctx).await?;
    let ctx = ctx.without_body();
    Ok(respond::text(demand(&ctx).await?.resolve(&text).await?))
}

/// The body as text.
async fn text(ctx: &mut Ctx) -> Result<String> {
    let body = std::mem::take(&mut ctx.body);
    let bytes = slow::whole(body, LARGEST, "the requirements file").await?;
    String::from_utf8(bytes.into()).map_err(|_| bad!("the requirements are not UTF-8"))
}

/// The demand of a request. pip-reqs and curl do not say for which target, so the URL must.
async fn demand(ctx: &Ctx<()>) -> Result<Demand<'_>> {
    let target = for_target(ctx).await?.ok_or_else(|| {
        bad!(
            "the request does not report an interpreter: replace auto in the URL with the name of a target, \
             like cp312-linux (GET /+targets lists them)"
        )
    })?;
    let (root, path) = (ctx.root(), ctx.uri.path());
    let end = path.rfind("/+").map_or(path.len(), |at| at + 1);
    Ok(Demand {
        config: &ctx.app.config,
        queue: &ctx.app.queue,
        quota: &ctx.app.quota,
        directory: &ctx.directory,
        who: &ctx.who,
        indexes: ctx.indexes()?,
        target,
        url: format!("{root}{}", path.get(..end).unwrap_or(path)),
        root,
    })
}

//! What both resolver routes need of a request: its text, its target, and where the server is.

use super::for_target;
use crate::access::turns::Turn;
use crate::bad;
use crate::build::promise::ForTarget;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::page::Page;
use crate::web::http::{Ctx, drain, slow};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

/// Bytes of a requirements file.
const LARGEST: usize = 1 << 20;

/// One of the requests that the asker may have open; the body is read only after it.
pub async fn held(ctx: &mut Ctx) -> Result<Turn> {
    let held = ctx.app.quota.held.take(&ctx.asker()).await;
    if held.is_err() {
        let body = std::mem::take(&mut ctx.body);
        drain::behind_the_answer(&ctx.headers, body.into_data_stream());
    }
    held
}

/// The body as text.
pub async fn text(ctx: &mut Ctx) -> Result<String> {
    let body = std::mem::take(&mut ctx.body);
    let bytes = slow::whole(body, LARGEST, "the requirements file").await?;
    String::from_utf8(bytes.into()).map_err(|_| bad!("the requirements are no UTF-8 text"))
}

/// The target of the path, which must be there: pip-reqs and curl do not tell what they are.
pub async fn target(ctx: &Ctx<()>) -> Result<ForTarget> {
    for_target(ctx).await?.ok_or_else(|| {
        bad!(
            "nothing is known of the interpreter that this is for: write the target's name in the URL \
             instead of auto, like cp312-linux (GET /+targets lists them)"
        )
    })
}

/// The page of the first index that has the project, with what is promised to the target.
///
/// # Errors
/// `Missing` if none has it.
pub async fn page(ctx: &Ctx<()>, project: &ProjectName, target: &ForTarget) -> Result<Page> {
    use crate::index::view::Amend as _;
    let indexes = ctx.indexes()?;
    let (_, mut page) = ctx.app.indexes.views.first(&ctx.directory, &indexes, project, &ctx.who).await?;
    target.amend(&mut page, &ctx.directory).await?;
    Ok(page)
}

/// `/v1/{indexes}/{target}/` as it was asked for, absolute.
pub fn own_url(ctx: &Ctx<()>) -> String {
    let path = ctx.uri.path();
    let end = path.rfind("/+").map_or(path.len(), |at| at + 1);
    format!("{}{}", ctx.root(), path.get(..end).unwrap_or(path))
}

/// Plain text, 200.
pub fn plain(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

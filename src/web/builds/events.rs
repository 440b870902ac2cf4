//! `GET /+builds/{id}/events`: what happens to a build, as server-sent events.

use super::{still_sees, view, visible};
use crate::access::turns::Turn;
use crate::build::queue::{BuildNews, LogMark};
use crate::db::builds::BuildId;
use crate::error::Result;
use crate::web::http::{Ctx, respond};
use crate::web::pages::build::{plain, standing};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// nginx would hold back what comes in small pieces.
const NOT_HELD_BACK: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /+builds/{id}/events?after=`: events `log` (whole lines, with an id), `again` (the log begins anew), `state`,
/// and `end`. It goes on behind the id in `Last-Event-ID`, or behind `after`.
pub async fn events(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (build, _) = visible(&ctx).await?;
    let last = ctx.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let from = last.or_else(|| ctx.query("after")).filter(|from| !from.is_empty());
    let from = from.map(|from| from.parse()).transpose()?;
    let turn = ctx.app.quota.followed.take(&ctx.asker()).await?;
    let body = Body::from_stream(told(ctx, build.id, from, turn));
    let mut response = respond::body("text/event-stream; charset=utf-8", "no-store", body);
    response.headers_mut().insert(NOT_HELD_BACK, HeaderValue::from_static("no"));
    Ok(response)
}

/// The events; the turn lasts as long as they do.
fn told(
    ctx: Ctx<()>,
    id: BuildId,
    from: Option<LogMark>,
    turn: Turn,
) -> impl Stream<Item = Result<Bytes>> + Send {
    async_stream::try_stream! {
        let _turn = turn;
        // So long a browser waits before it comes again.
        yield Bytes::from_static(b"retry: 3000\n\n");
        let mut news = std::pin::pin!(ctx.app.queue.follow(id, from));
        while let Some(news) = news.next().await {
            let news = news?;
            if !still_sees(&ctx, id).await? {
                break;
            }
            match news {
                BuildNews::Again => yield event("again", None, &Value::Null),
                BuildNews::Log { text, mark } => {
                    yield event("log", Some(mark), &json!({"text": plain(&text)}));
                }
                BuildNews::State(build) => {
                    let view = view(&ctx, id).await?;
                    yield event("state", None, &json!(standing(&view)));
                    if build.state.has_ended() {
                        yield event("end", None, &json!({"state": build.state}));
                    }
                }
                BuildNews::Quiet => yield Bytes::from_static(b": the build goes on\n\n"),
            }
        }
    }
}

/// JSON has no line ends of its own, so that one line of data has all of it.
fn event(name: &str, id: Option<LogMark>, data: &Value) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}

//! `/+search`: projects by words, for people, scripts and the field in the header of every page.

use super::http::{Audience, Ctx, respond};
use super::pages::search::{self, SearchRequest};
use crate::bad;
use crate::error::Result;
use crate::index::search::{EACH, FoundKind, FoundPart, MOST_EACH, SearchText};
use crate::names::IndexName;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

fn read(ctx: &Ctx<()>) -> Result<SearchRequest> {
    let given = |name: &str| ctx.query(name).filter(|text| !text.is_empty());
    // devpi's name for it comes second.
    let q = given("q").or_else(|| given("query")).unwrap_or_default();
    let index = |name: &str| {
        let wrong = |text: &str| bad!("{name}={text:?} is not an index: write user/index");
        given(name).map(|text| IndexName::parse(&text).ok_or_else(|| wrong(&text))).transpose()
    };
    let number = |name: &str, otherwise: usize, most: usize| match given(name) {
        None => Ok(otherwise),
        Some(text) => match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(bad!("{name}={text:?} is not a number from 1 to {most}")),
        },
    };
    let part = FoundPart {
        only: index("only")?,
        kind: given("kind").map(|text| FoundKind::parse(&text)).transpose()?,
        page: number("page", 1, 1000)?,
        each: number("each", EACH, MOST_EACH)?,
    };
    Ok(SearchRequest { text: SearchText::parse(&q)?, q, index: index("index")?, part })
}

/// `GET /+search?q=words`; `index=`, `only=`, `kind=`, `page=` and `each=` choose a part.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let asked = read(&ctx)?;
    let found = match asked.text.is_empty() {
        true => None,
        false => {
            let _turn = ctx.app.quota.searches.take(&ctx.asker()).await?;
            let finder = &ctx.app.finder;
            Some(Box::pin(finder.find(&ctx.who, &asked.text, asked.index.as_ref(), &asked.part)).await?)
        }
    };
    if ctx.audience() == Audience::Person {
        return search::show(&ctx, asked, found);
    }
    let found = found.ok_or_else(|| bad!("q has no letter and no digit: write ?q=words"))?;
    respond::devpi(StatusCode::OK, "search", json!(found), None)
}

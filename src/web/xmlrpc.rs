//! XML-RPC: `POST I/` and `POST /pypi` with `Content-Type: text/xml`, for `pip search` and mirroring tools.
//!
//! Every answer to a call is 200, a fault too: pip ends with an assertion otherwise.

use super::http::{Ctx, slow};
use crate::error::{Error, Result};
use crate::index::search::{FoundProject, SearchParts};
use crate::packaging::filename::ListedFilename;
use crate::packaging::xmlrpc::{self, Call};
use crate::{bad, missing};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value, json};

/// Bytes of a call.
const LONGEST: usize = 256 << 10;
/// Projects of a list; of more, the simple API's list tells.
const MOST_NAMES: usize = 100_000;

const METHODS: [&str; 4] =
    ["search", "list_packages_with_serial", "changelog_last_serial", "changelog_since_serial"];

const FAILED: i32 = 1;
const NO_CALL: i32 = -32600;
const NO_METHOD: i32 = -32601;

/// The default index as PyPI has it.
pub async fn call_pypi(ctx: Ctx) -> Result<Response> {
    match ctx.param("user") {
        "pypi" => call(ctx).await,
        _ => Err(missing!("this page does not exist")),
    }
}

/// Answers one call about an index.
pub async fn call(mut ctx: Ctx) -> Result<Response> {
    let body = slow::whole(std::mem::take(&mut ctx.body), LONGEST, "the XML-RPC call").await?;
    let ctx = ctx.without_body();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let text = match xmlrpc::read(&body) {
        Err(error) => xmlrpc::fault(NO_CALL, &error),
        Ok(call) if !METHODS.contains(&call.method.as_str()) => {
            let known = METHODS.join(", ");
            xmlrpc::fault(NO_METHOD, &missing!("this server has no such XML-RPC method: it has {known}"))
        }
        Ok(call) => match answer(&ctx, &call).await {
            Ok(value) => xmlrpc::response(&value),
            Err(error @ (Error::Internal(_) | Error::Full(_))) => return Err(error),
            Err(error) => xmlrpc::fault(FAILED, &error),
        },
    };
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], Body::from(text)).into_response())
}

async fn answer(ctx: &Ctx<()>, call: &Call) -> Result<Value> {
    match (call.method.as_str(), call.params.as_slice()) {
        ("search", [Value::Object(fields)]) => search(ctx, fields, true).await,
        ("search", [Value::Object(fields), Value::String(operator)]) => {
            let all = match operator.to_ascii_lowercase().as_str() {
                "and" => true,
                "or" => false,
                _ => return Err(bad!("the operator of a search is 'and' or 'or', not {operator:?}")),
            };
            search(ctx, fields, all).await
        }
        ("search", _) => Err(bad!("search takes {{field: [words]}} and an operator, 'and' or 'or'")),
        ("list_packages_with_serial", []) => names(ctx).await,
        ("changelog_last_serial", []) => Ok(ctx.app.indexes.serial().into()),
        ("changelog_since_serial", [Value::Number(serial)]) => changes(ctx, serial.as_i64()).await,
        ("changelog_since_serial", _) => Err(bad!("changelog_since_serial takes a serial: an integer")),
        _ => Err(bad!("{} takes no parameters", call.method)),
    }
}

async fn search(ctx: &Ctx<()>, fields: &Map<String, Value>, all: bool) -> Result<Value> {
    if let Some(other) = fields.keys().find(|field| !matches!(field.as_str(), "name" | "summary")) {
        return Err(bad!("this server searches name and summary, not {other:?}"));
    }
    let words = |field: &str| match fields.get(field) {
        None => Ok(Vec::new()),
        Some(Value::String(word)) => Ok(vec![word.clone()]),
        Some(Value::Array(words)) => words
            .iter()
            .map(|word| {
                Ok(word.as_str().ok_or_else(|| bad!("a word of {field} is not a string"))?.to_owned())
            })
            .collect(),
        Some(_) => Err(bad!("{field} must be a string or a list of strings")),
    };
    let parts = SearchParts::new(&words("name")?, &words("summary")?, all)?;
    let hits = ctx.app.finder.find_parts(&ctx.who, parts, &ctx.index()?.name).await?;
    let told = hits.into_iter().enumerate().map(|(at, FoundProject { name, summary, version, .. })| {
        json!({"name": name, "summary": summary, "version": version, "_pypi_ordering": at})
    });
    Ok(told.collect())
}

async fn names(ctx: &Ctx<()>) -> Result<Value> {
    let names = ctx.app.indexes.views.names(&ctx.directory, ctx.index()?, &ctx.who).await?;
    if names.at_most() > MOST_NAMES {
        return Err(bad!("this index has more than {MOST_NAMES} projects: read them from its simple API"));
    }
    let each = names.iter().map(|(name, serial)| (name.to_owned(), serial.unwrap_or_default().into()));
    Ok(Value::Object(each.collect()))
}

/// `[name, version or nil, time, action, serial]` of each.
async fn changes(ctx: &Ctx<()>, serial: Option<i64>) -> Result<Value> {
    let serial = serial.ok_or_else(|| bad!("the serial is too large"))?;
    let events = ctx.app.indexes.views.changes(&ctx.directory, ctx.index()?, &ctx.who, serial).await?;
    let told = events.into_iter().filter_map(|event| {
        let project = event.project?;
        // A file is named by itself, a release by its version.
        let version = event.detail.as_deref().and_then(|detail| {
            ListedFilename::parse(&project, detail)?.canonical_version().map(str::to_owned)
        });
        Some(json!([project, version, event.at / 1_000_000, event.what.name(), event.serial]))
    });
    Ok(told.collect())
}

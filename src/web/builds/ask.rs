//! `POST /+builds` and `POST /+builds/sources`: asking for wheels.

use super::again::built_again;
use super::{may_build_from, may_publish, view};
use crate::build::order::BuildOrder;
use crate::build::queue::{Ask, Priority, Upload, Wanted};
use crate::error::{Error, Result};
use crate::git::Address;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::{SdistFilename, candidates};
use crate::packaging::requirement::Requirement;
use crate::packaging::version;
use crate::web::http::{Ctx, drain, respond, slow};
use crate::words::{BuildSource, FileKind, Purpose, SourceKind};
use crate::{bad, missing};
use axum::response::Response;
use futures::StreamExt;
use http::{StatusCode, header};
use serde_json::json;

/// Bytes of a file name.
const LONGEST_NAME: usize = 200;

/// `POST /+builds`
pub async fn ask(mut ctx: Ctx) -> Result<Response> {
    let asked: BuildOrder = ctx.json().await?;
    let ctx = ctx.without_body();
    let (mut wanted, project) = wanted(&ctx, &asked).await?;
    if let Some(index) = &asked.index {
        may_publish(&ctx, index, project.as_deref())?;
    }
    let parse = |name: &str| {
        IndexName::parse(name).ok_or_else(|| bad!("'{name}' is not a valid index name: write user/index"))
    };
    let publish = asked.index.as_deref().map(parse).transpose()?;
    let from = asked.from.as_deref().or(asked.index.as_deref()).unwrap_or(&ctx.app.config.default_index);
    let index = parse(from)?;
    may_build_from(&ctx, &index, project.as_deref())?;
    if asked.purpose == Purpose::Test {
        wanted = own_sdist(&ctx, publish.as_ref(), wanted).await?;
    }
    let priority = if asked.wait { Priority::Waiting } else { Priority::Asked };
    let ask = Ask {
        wanted,
        purpose: asked.purpose,
        targets: asked.targets,
        index,
        publish,
        priority,
        rebuild: asked.rebuild,
        set: Vec::new(),
    };
    let mut all = Vec::new();
    for id in ctx.app.queue.ask(&ctx.who, &ask).await? {
        let id = if asked.rebuild { built_again(&ctx, id).await? } else { id };
        all.push(view(&ctx, id).await?);
    }
    respond::devpi(StatusCode::OK, "list:build", json!(all), None)
}

/// What is wanted, and its project where that is known.
async fn wanted(ctx: &Ctx<()>, asked: &BuildOrder) -> Result<(Wanted, Option<String>)> {
    match (&asked.requirement, &asked.source) {
        (Some(text), None) if Address::is_one(text) => repository(text, None),
        (Some(text), None) => {
            let requirement = Requirement::parse(text)?;
            let name = requirement.name.to_string();
            match &requirement.url {
                Some(url) if Address::is_one(url.as_str()) => {
                    repository(url.as_str(), Some(requirement.name))
                }
                Some(url) => Err(bad!(
                    "cannot build from {url}: send a requirement or git+https://…, or upload the source"
                )),
                None => Ok((Wanted::Requirement(requirement), Some(name))),
            }
        }
        (None, Some(sha256)) => upload(ctx, asked, sha256).await,
        _ => Err(bad!("nothing to build: send either \"requirement\" or \"source\"")),
    }
}

/// The newest sdist that a stage has itself: results of tests stand beside it.
async fn own_sdist(ctx: &Ctx<()>, index: Option<&IndexName>, wanted: Wanted) -> Result<Wanted> {
    let (Some(index), Wanted::Requirement(requirement)) = (index, wanted) else {
        return Err(bad!("tests need a requirement, and an index that has its sdist and gets the results"));
    };
    let files = ctx.app.db.project_files(index, &requirement.name).await?;
    let sdists = files.into_iter().filter(|file| file.kind == FileKind::Sdist);
    let sdists = sdists.filter_map(|file| Some((version::parse(&file.version)?, file.filename)));
    let newest = sdists.filter(|(version, _)| requirement.specifiers.contains(version)).max();
    let (_, filename) = newest.ok_or_else(|| {
        missing!(
            "{index} has no sdist of its own for {requirement}: upload one, or name the index that has it"
        )
    })?;
    Ok(Wanted::File { project: requirement.name, filename })
}

fn repository(text: &str, project: Option<ProjectName>) -> Result<(Wanted, Option<String>)> {
    let address = Address::parse(text)?;
    if address.has_secret() {
        return Err(bad!(
            "the URL contains a password or a token, which the server would store: upload the source instead"
        ));
    }
    let project = project.or(address.project);
    let name = project.as_ref().map(ToString::to_string);
    // Only who is logged in comes here.
    Ok((Wanted::Repository { url: text.to_owned(), project, inside: true }, name))
}

async fn upload(ctx: &Ctx<()>, asked: &BuildOrder, sha256: &str) -> Result<(Wanted, Option<String>)> {
    let user = ctx.who.user.as_deref().unwrap_or_default();
    let known = ctx.app.db.uploaded_source(sha256, user).await?;
    let known = known.ok_or_else(|| {
        missing!("source {sha256} is not among your uploads: POST it to /+builds/sources first")
    })?;
    let filename = asked.filename.clone().unwrap_or(known);
    check_name(&filename)?;
    let named = candidates(&filename).iter().find_map(|name| SdistFilename::parse_for(name, &filename).ok());
    let guess = if named.is_some() { SourceKind::Sdist } else { SourceKind::Tree };
    let kind = asked.kind.unwrap_or(guess);
    let source = BuildSource {
        kind,
        filename,
        origin: asked.origin.clone().unwrap_or_else(|| BuildSource::uploaded_by(user)),
        subdirectory: asked.subdirectory.clone(),
        published_at: asked.published_at,
        commit: asked.commit.clone(),
    };
    let long = source.origin.len() > 2000 || source.subdirectory.len() > 500;
    if long || source.subdirectory.split('/').any(|part| part == "..") || source.subdirectory.starts_with('/')
    {
        return Err(bad!(
            "invalid origin or subdirectory: at most 2000 and 500 bytes, and subdirectory must be inside the \
             source"
        ));
    }
    let project = named.filter(|_| kind == SourceKind::Sdist).map(|name| name.name.to_string());
    Ok((Wanted::Upload(Upload { sha256: sha256.into(), source }), project))
}

fn check_name(filename: &str) -> Result<()> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if filename.is_empty()
        || filename.len() > LONGEST_NAME
        || filename.starts_with(['.', '-'])
        || filename.contains(odd)
    {
        return Err(bad!("{filename:?} is not a plain file name"));
    }
    Ok(())
}

/// `POST /+builds/sources?filename=`: the bytes of a source; its sha256 names it from now on.
pub async fn take_source(mut ctx: Ctx) -> Result<Response> {
    let filename = ctx.query("filename").ok_or_else(|| bad!("the query has no filename: add ?filename=NAME"));
    let body = std::mem::take(&mut ctx.body);
    let ctx = ctx.without_body();
    let filename = filename.and_then(|filename| check_name(&filename).map(|()| filename));
    let filename = match filename {
        Ok(filename) => filename,
        Err(error) => {
            drain::behind_the_answer(&ctx.headers, body.into_data_stream());
            return Err(error);
        }
    };
    if let Err(error) = ctx.app.queue.may_keep(&ctx.asker()).await {
        drain::behind_the_answer(&ctx.headers, body.into_data_stream());
        return Err(error);
    }
    let spool = receive(&ctx, body, ctx.app.queue.largest()).await?;
    let digests = ctx.app.store.keep(spool).await?;
    ctx.app.queue.keep_source(&ctx.who, &filename, &digests).await?;
    respond::devpi(StatusCode::OK, "source", json!({"sha256": digests.sha256, "size": digests.size}), None)
}

/// A body of at most `limit` bytes, spooled.
pub(super) async fn receive(
    ctx: &Ctx<()>,
    body: axum::body::Body,
    limit: u64,
) -> Result<crate::store::Spool> {
    let too_large =
        || Error::TooLarge(format!("the file is larger than {limit} bytes (setting limits.upload)"));
    let announced =
        ctx.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|length| length > limit) {
        drain::behind_the_answer(&ctx.headers, stream);
        return Err(too_large());
    }
    let mut spool = ctx.app.store.spool().await?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| slow::broken("the file", &error))?;
        if spool.size() + chunk.len() as u64 > limit {
            drain::behind_the_answer(&ctx.headers, stream);
            return Err(too_large());
        }
        spool.write(chunk).await?;
    }
    spool.finish().await?;
    Ok(spool)
}

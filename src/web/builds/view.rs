//! A build as the asker may know it.

use crate::access::builds::reads;
use crate::access::time;
use crate::build::view::{BuildView, DestinationView, NeedView, WheelView};
use crate::db::builds::Build;
use crate::db::built::Publication;
use crate::error::Result;
use crate::names::IndexName;
use crate::web::http::Ctx;
use std::slice;

/// Everything about a build that the asker may know: of indexes, those that they may read.
pub async fn view(ctx: &Ctx<()>, build: &Build) -> Result<BuildView> {
    let parties = ctx.app.queue.parties(build).await?;
    let asked_by = parties.asker(&ctx.directory, &ctx.who, build);
    let reads_all = reads(&ctx.directory, &ctx.who, build.context.indexes());
    let context = Some(&build.context).filter(|_| reads_all);
    let mut source = build.source.clone();
    if context.is_none() && source.origin == build.context.as_str()
        || asked_by.is_none() && source.names_uploader()
    {
        source.origin.clear();
    }
    let mut evidence = build.evidence.clone();
    if let Some(evidence) = evidence.as_mut().filter(|_| context.is_none()) {
        evidence.context.clear();
    }
    let needs = ctx.app.db.build_needs(build.id).await?.into_iter();
    let wheel = build.finished_wheel().cloned();
    Ok(BuildView {
        id: build.id,
        purpose: build.purpose,
        state: build.state,
        project: build.project.clone(),
        version: build.version.clone(),
        title: build.title(),
        target: build.target.clone(),
        context: context.cloned(),
        source,
        source_sha256: build.source_sha256.clone(),
        recipe_sha256: build.recipe_sha256.clone(),
        tools: build.tools.clone(),
        priority: build.priority,
        worker: build.worker.clone(),
        step: build.step,
        failure: build.failure.clone(),
        wheel: wheel.map(|wheel| WheelView {
            url: format!("/+builds/{}/wheel/{}", build.id, wheel.filename),
            filename: wheel.filename,
            sha256: wheel.sha256,
            size: wheel.size,
        }),
        metadata_sha256: build.metadata_sha256.clone(),
        evidence,
        needs: needs.map(|edge| NeedView { build: edge.needs, requirement: edge.requirement }).collect(),
        indexes: destinations(ctx, build).await?,
        log_size: build.log_size,
        log_sha256: build.log_sha256.clone(),
        asked_by,
        created: time(build.created_at),
        started: build.started_at.map(time),
        ended: build.ended_at.map(time),
    })
}

async fn destinations(ctx: &Ctx<()>, build: &Build) -> Result<Vec<DestinationView>> {
    let refused = ctx.app.db.why_unpublished(build.id).await?;
    let why = |name: &IndexName| refused.iter().find(|one| one.index == *name).map(|one| one.why.clone());
    let all = ctx.app.db.build_indexes(build.id).await?.into_iter();
    let readable = all.filter(|(name, _)| reads(&ctx.directory, &ctx.who, slice::from_ref(name))).map(
        |(index, stands)| DestinationView {
            published: match stands {
                Publication::Done(at) => Some(time(at)),
                Publication::Open | Publication::Refused => None,
            },
            refused: why(&index).filter(|_| stands == Publication::Refused),
            index,
        },
    );
    Ok(readable.collect())
}

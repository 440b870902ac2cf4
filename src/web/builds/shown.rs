//! A build as JSON shows it.

use crate::access::{builds::reads, time};
use crate::build::queue::Build;
use crate::db::built::Publication;
use crate::error::Result;
use crate::web::http::Ctx;
use serde_json::{Value, json};

/// Everything about a build that the asker may know: of indexes, those that they may read.
pub async fn shown(ctx: &Ctx<()>, build: &Build) -> Result<Value> {
    let app = &ctx.app;
    let parties = app.builds.parties(build).await?;
    let asked_by = parties.asker(&ctx.directory, &ctx.who, build);
    let context = Some(&build.context).filter(|name| reads(&ctx.directory, &ctx.who, name));
    let mut source = build.source.clone();
    if context.is_none() && source.origin == build.context
        || asked_by.is_none() && source.origin.starts_with(UPLOADED)
    {
        source.origin.clear();
    }
    let mut evidence = build.evidence.clone();
    if let Some(evidence) = evidence.as_mut().filter(|_| context.is_none()) {
        evidence.context.clear();
    }
    let needs = app.db.build_needs(build.id).await?;
    let needs: Vec<Value> =
        needs.iter().map(|edge| json!({"build": edge.needs, "requirement": edge.requirement})).collect();
    let indexes = app.db.build_indexes(build.id).await?;
    let refused = app.db.why_unpublished(build.id).await?;
    let why = |name: &str| refused.iter().find(|(index, _)| index == name).map(|(_, why)| why.clone());
    let indexes: Vec<Value> = indexes
        .into_iter()
        .filter(|(name, _)| reads(&ctx.directory, &ctx.who, name))
        .map(|(name, stands)| {
            let at = match stands {
                Publication::Done(at) => Some(time(at)),
                Publication::Open | Publication::Refused => None,
            };
            let refused = why(&name).filter(|_| stands == Publication::Refused);
            json!({"index": name, "published": at, "refused": refused})
        })
        .collect();
    let wheel = build.wheel.as_ref().filter(|_| build.state.has_ended() && build.failure.is_none());
    let wheel = wheel.map(|wheel| {
        json!({
            "filename": wheel.filename, "sha256": wheel.sha256, "size": wheel.size,
            "url": format!("/+builds/{}/wheel/{}", build.id, wheel.filename),
        })
    });
    Ok(json!({
        "id": build.id,
        "purpose": build.purpose,
        "state": build.state,
        "project": build.project,
        "version": build.version,
        "title": build.title(),
        "target": build.target,
        "context": context,
        "source": source,
        "source_sha256": build.source_sha256,
        "recipe_sha256": build.recipe_sha256,
        "tools": build.tools,
        "priority": build.priority,
        "worker": build.worker,
        "step": build.step,
        "failure": build.failure,
        "wheel": wheel,
        "metadata_sha256": build.metadata_sha256,
        "evidence": evidence,
        "needs": needs,
        "indexes": indexes,
        "log_size": build.log_size,
        "log_sha256": build.log_sha256,
        "asked_by": asked_by,
        "created": time(build.created_at),
        "started": build.started_at.map(time),
        "ended": build.ended_at.map(time),
    }))
}

/// How the origin of an uploaded source begins, before its uploader's name.
const UPLOADED: &str = "uploaded by ";

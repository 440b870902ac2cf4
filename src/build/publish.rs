//! Brings a built wheel to where it belongs: beside its source, and to the indexes that wanted it.

use super::job::{Source, SourceKind};
use crate::db::Db;
use crate::db::built::Finished;
use crate::directory::{Index, Kind};
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::built::Handed;
use crate::names::IndexName;
use crate::packaging::filename::WheelFilename;

/// Builds that are published at once after a start.
const AT_ONCE: i64 = 100;

/// A file that a build gave to an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub index: IndexName,
    pub filename: String,
}

/// Called when a build ended with a wheel, after that was committed; returns where the wheel is now.
/// May be called again at any time, by several at once: what is done stays done.
///
/// # Errors
/// What may go well another time: a database or an upstream that fails. That an index refuses the
/// wheel is no error here: it is noted with the build (`unpublished`).
pub async fn on_built(db: &Db, indexes: &Indexes, build: i64) -> Result<Vec<Published>> {
    let Some(finished) = db.finished_build(build).await? else { return Ok(Vec::new()) };
    let source: Source = serde_json::from_str(&finished.source).map_err(Error::internal)?;
    let mut published = Vec::new();
    let mut refused = Vec::new();
    for (index, wanted) in places(indexes, &finished, &source).await? {
        let handed = Handed {
            build: finished.id,
            fence: finished.fence,
            asked_by: &finished.asked_by,
            source_filename: &source.filename,
            source_sha256: &finished.source_sha256,
            published_at: source.published_at,
            wheel: &finished.wheel,
            wheel_sha256: &finished.wheel_sha256,
            wanted,
        };
        match indexes.take_built(&index, handed).await {
            Ok(filename) => {
                db.build_published(build, index.name.as_str()).await?;
                published.push(Published { index: index.name.clone(), filename });
            }
            Err(why @ (Error::Bad(_) | Error::Forbidden(_) | Error::Missing(_))) => {
                tracing::warn!(build, index = %index.name, %why, "a built wheel was not taken");
                refused.push((index.name.to_string(), why.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    let placed = |name: &String| {
        published.iter().any(|done: &Published| done.index.as_str() == name)
            || refused.iter().any(|(index, _)| index == name)
    };
    // Deleted, or a mirror by now.
    let gone = finished.wanted.iter().filter(|name| !placed(name));
    let gone: Vec<_> = gone.map(|name| (name.clone(), "it is no stage any more".to_owned())).collect();
    refused.extend(gone);
    db.note_published(build, finished.fence, &refused).await?;
    Ok(published)
}

/// At start: what was built and not published before the last stop.
pub async fn catch_up(db: &Db, indexes: &Indexes) -> Result<()> {
    loop {
        let left = db.unpublished_builds(AT_ONCE).await?;
        let mut failed = None;
        for build in &left {
            if let Err(error) = on_built(db, indexes, *build).await {
                tracing::warn!(build, %error, "a built wheel could not be published yet");
                failed = Some(error);
            }
        }
        match failed {
            // Those that fail would be met again and again.
            Some(error) => return Err(error),
            None if (left.len() as i64) < AT_ONCE => return Ok(()),
            None => {}
        }
    }
}

/// The indexes that get the wheel, and whether somebody wanted it there.
async fn places(indexes: &Indexes, finished: &Finished, source: &Source) -> Result<Vec<(Index, bool)>> {
    let directory = indexes.directory();
    let mut places = Vec::new();
    for name in &finished.wanted {
        let index = IndexName::parse(name).and_then(|name| directory.indexes.get(&name).cloned());
        places.extend(index.filter(|index| matches!(index.kind, Kind::Stage(_))).map(|index| (index, true)));
    }
    let context = IndexName::parse(&finished.context).and_then(|name| directory.indexes.get(&name));
    if let Some(context) = context
        && source.kind == SourceKind::Sdist
        && !places.iter().any(|(index, _)| index.name == context.name)
        && belongs(indexes, context, finished, source).await?
    {
        places.push((context.clone(), false));
    }
    Ok(places)
}

/// Whether the context lists the very sdist, and lets the wheel be beside it.
async fn belongs(indexes: &Indexes, context: &Index, finished: &Finished, source: &Source) -> Result<bool> {
    let Ok(wheel) = WheelFilename::parse(&finished.wheel) else { return Ok(true) };
    let sha256 = &finished.source_sha256;
    match &context.kind {
        Kind::Mirror(_) => {
            // A source that was sent here may be private: its name is not asked upstream. One that came
            // from the mirror stands on a page that is kept.
            let page = indexes.mirrors.last_told(context, &wheel.name).await?;
            Ok(page.is_some_and(|page| {
                let source = page.files.iter().find(|file| file.filename == source.filename);
                source.is_some_and(|file| file.hashes.sha256.as_ref().is_none_or(|told| told == sha256))
            }))
        }
        Kind::Stage(_) => Ok(indexes.hosts(&context.name, &source.filename, sha256).await?
            && indexes.has_better(context, &finished.wheel).await?.is_none()),
    }
}

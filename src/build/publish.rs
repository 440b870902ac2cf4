//! Brings a built wheel to where it belongs: beside its source, and to the indexes that wanted it. `together` does so
//! with those of a set, `release` with those of a watched tag.

pub mod release;
mod results;
pub mod together;

use crate::db::Db;
use crate::db::builds::{Build, BuildId, BuiltWheel};
use crate::db::built::WheelRefusal;
use crate::directory::{Index, IndexKind};
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::take_built::Handed;
use crate::names::IndexName;
use crate::packaging::filename::WheelFilename;
use crate::words::{BuildState, SourceKind};

/// Builds that are published at once after a start.
const AT_ONCE: i64 = 100;

/// A file that a build gave to an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub index: IndexName,
    pub filename: String,
}

/// A build that has a wheel.
struct Finished {
    build: Build,
    source_sha256: String,
    wheel: BuiltWheel,
    /// Indexes that somebody asked for it.
    wanted: Vec<IndexName>,
}

impl Finished {
    /// `None` for all others.
    async fn of(db: &Db, id: BuildId) -> Result<Option<Self>> {
        let build = db.build(id).await?.filter(|build| build.state == BuildState::Built);
        let Some(build) = build else { return Ok(None) };
        let (Some(source_sha256), Some(wheel)) = (build.source_sha256.clone(), build.wheel.clone()) else {
            return Ok(None);
        };
        let wanted = db.build_indexes(id).await?.into_iter().map(|(index, _)| index).collect();
        Ok(Some(Self { build, source_sha256, wheel, wanted }))
    }

    fn doubts(&self) -> &[String] {
        self.build.evidence.as_ref().map_or(&[], |evidence| &evidence.doubts)
    }

    /// As an index takes it.
    fn handed(&self, wanted: bool) -> Handed<'_> {
        Handed {
            build: self.build.id,
            fence: self.build.fence,
            asked_by: &self.build.asked_by,
            source_filename: &self.build.source.filename,
            source_sha256: &self.source_sha256,
            published_at: self.build.source.published_at,
            wheel: &self.wheel.filename,
            wheel_sha256: &self.wheel.sha256,
            target: &self.build.target,
            doubts: self.doubts(),
            wanted,
        }
    }

    /// The indexes that wanted it and are not `placed`: deleted, or mirrors by now.
    fn gone(&self, placed: impl Fn(&IndexName) -> bool) -> Vec<WheelRefusal> {
        let gone = self.wanted.iter().filter(|name| !placed(name));
        gone.map(|name| WheelRefusal { index: name.clone(), why: "it is no longer a stage".to_owned() })
            .collect()
    }
}

/// Called when a build ended with a wheel, after that was committed; returns where the wheel is now.
/// May be called again at any time, by several at once: what is done stays done.
///
/// # Errors
/// What may go well another time: a database or an upstream that fails. That an index refuses the
/// wheel is no error here: it is noted with the build (`unpublished`).
pub async fn on_built(db: &Db, indexes: &Indexes, build: BuildId) -> Result<Vec<Published>> {
    let Some(finished) = Finished::of(db, build).await? else { return Ok(Vec::new()) };
    if finished.build.because.is_some() && !db.is_released(build).await? {
        return Ok(Vec::new());
    }
    let (mut published, mut refused) = (Vec::new(), Vec::new());
    for (index, wanted) in places(indexes, &finished).await? {
        match indexes.take_built(&index, finished.handed(wanted)).await {
            Ok(filename) => {
                results::post(db, indexes, &finished.build, &index, &filename).await?;
                db.build_published(build, &index.name).await?;
                published.push(Published { index: index.name.clone(), filename });
            }
            Err(why) if is_refusal(&why) => {
                tracing::warn!(build, index = %index.name, %why, "an index refused a built wheel");
                refused.push(WheelRefusal { index: index.name.clone(), why: why.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    let gone = finished.gone(|name| {
        published.iter().any(|done: &Published| done.index == *name)
            || refused.iter().any(|refusal| refusal.index == *name)
    });
    refused.extend(gone);
    db.note_published(build, finished.build.fence, &refused).await?;
    Ok(published)
}

/// At start: what was built and not published before the last stop.
pub async fn catch_up(db: &Db, indexes: &Indexes) -> Result<()> {
    loop {
        let left = db.unpublished_builds(AT_ONCE).await?;
        let mut failed = None;
        for build in &left {
            if let Err(error) = on_built(db, indexes, *build).await {
                tracing::warn!(build, %error, "cannot publish a built wheel; retrying");
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

/// Whether an index does not want a wheel, now or later.
fn is_refusal(error: &Error) -> bool {
    error.is_withheld() || matches!(error, Error::Bad(_))
}

/// The indexes that get the wheel, and whether somebody wanted it there.
async fn places(indexes: &Indexes, finished: &Finished) -> Result<Vec<(Index, bool)>> {
    let directory = indexes.directory();
    let mut places = Vec::new();
    if finished.build.trial {
        return Ok(places);
    }
    for name in &finished.wanted {
        let stage = directory.indexes.get(name).filter(|index| index.is_stage());
        places.extend(stage.map(|index| (index.clone(), true)));
    }
    let context = finished.build.context.only().and_then(|name| directory.indexes.get(name));
    if let Some(context) = context
        && finished.build.source.kind == SourceKind::Sdist
        && !places.iter().any(|(index, _)| index.name == context.name)
        && belongs(indexes, context, finished).await?
    {
        places.push((context.clone(), false));
    }
    Ok(places)
}

/// Whether the context lists the very sdist, and lets the wheel be beside it.
async fn belongs(indexes: &Indexes, context: &Index, finished: &Finished) -> Result<bool> {
    let Ok(wheel) = WheelFilename::parse(&finished.wheel.filename) else { return Ok(true) };
    let (source, sha256) = (&finished.build.source.filename, &finished.source_sha256);
    match &context.kind {
        IndexKind::Mirror(_) => {
            // A source that was sent here may be private: its name is not asked upstream. One that came
            // from the mirror stands on a page that is kept.
            let page = indexes.mirrors.last_told(context, &wheel.name).await?;
            Ok(page.is_some_and(|page| {
                let listed = page.files.iter().find(|file| file.filename == *source);
                listed.is_some_and(|file| file.hashes.sha256.as_ref().is_none_or(|told| told == sha256))
            }))
        }
        IndexKind::Stage(_) => Ok(indexes.hosts(&context.name, source, sha256).await? && {
            let doubtful = !finished.doubts().is_empty();
            indexes.has_better(context, &finished.wheel.filename, doubtful).await?.is_none()
        }),
    }
}

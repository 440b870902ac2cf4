//! The wheels of a watched tag, brought to the watch's index by one transaction, which ends the tag, too.
//!
//! As with a set (`together`), all that takes time or may be refused is done before: at any moment, also after a
//! crash, the index has all wheels of the release or none.

use super::{Finished, is_refusal};
use crate::access::Who;
use crate::conflict;
use crate::db::builds::BuildId;
use crate::db::built::BuiltFile;
use crate::db::events::NewEvent;
use crate::db::watches::WatchedTag;
use crate::db::{Db, Tx};
use crate::directory::Index;
use crate::error::Result;
use crate::index::Indexes;
use crate::index::take_built::{NewWheel, PreparedWheel};
use crate::names::ProjectName;
use crate::words::{EventKind, TagState};

/// Attempts; each fails only because somebody else took a name meanwhile.
const ATTEMPTS: usize = 8;

/// What became of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The index has all its wheels.
    Published,
    /// The index wants one of them not, for this reason; it has none.
    Refused(String),
    /// Somebody else ended the tag, or it moved.
    Ended,
}

/// The wheels of a release, made ready.
#[derive(Default)]
struct ReleaseParts {
    /// Of which build, and its run.
    runs: Vec<(BuildId, i64)>,
    new: Vec<NewWheel>,
    filenames: Vec<String>,
}

/// Publishes the wheels of a tag's builds, all of `project`. `tag` is the row as it is to be.
///
/// # Errors
/// What may go well another time: nothing is published.
pub async fn release(
    db: &Db,
    indexes: &Indexes,
    who: &Who,
    (index, project): (&Index, &ProjectName),
    tag: &WatchedTag,
) -> Result<ReleaseOutcome> {
    for _ in 0..ATTEMPTS {
        let parts = match prepared(db, indexes, index, &tag.builds).await {
            Ok(parts) => parts,
            Err(why) if is_refusal(&why) => return Ok(ReleaseOutcome::Refused(why.to_string())),
            Err(error) => return Err(error),
        };
        let mut tx = Tx::begin(db).await?;
        if !tx.tag_became(TagState::Building, tag).await? {
            return Ok(ReleaseOutcome::Ended);
        }
        if !recorded(&mut tx, who, index, &parts).await? {
            continue;
        }
        let detail = format!("{} of watch {}: {}", tag.tag, tag.watch, parts.filenames.join(", "));
        let event = NewEvent::of(&who.label, EventKind::ReleasePublished).on(&index.name).about(project);
        tx.commit(event.saying(&detail)).await?;
        indexes.changed(&index.name, project);
        return Ok(ReleaseOutcome::Published);
    }
    Err(conflict!("cannot publish {} on {}: try again", tag.tag, index.name))
}

async fn prepared(db: &Db, indexes: &Indexes, index: &Index, builds: &[BuildId]) -> Result<ReleaseParts> {
    let mut parts = ReleaseParts::default();
    let mut beside: Vec<BuiltFile> = Vec::new();
    for build in builds {
        let finished = Finished::of(db, *build).await?;
        let finished = finished.ok_or_else(|| conflict!("build {build} runs again"))?;
        let filename = match indexes.prepare_built(index, finished.handed(true), &beside).await? {
            PreparedWheel::Stands(filename) => filename,
            PreparedWheel::New(new) => {
                let filename = new.built.filename.clone();
                beside.push(new.built.clone());
                parts.new.push(*new);
                filename
            }
        };
        if !parts.filenames.contains(&filename) {
            parts.filenames.push(filename);
        }
        parts.runs.push((*build, finished.build.fence));
    }
    Ok(parts)
}

/// `false` if a name was taken meanwhile.
async fn recorded(tx: &mut Tx, who: &Who, index: &Index, parts: &ReleaseParts) -> Result<bool> {
    for new in &parts.new {
        if !new.record(tx).await? {
            return Ok(false);
        }
        tx.step(new.event(&new.detail())).await?;
    }
    for (build, fence) in &parts.runs {
        // Whoever reads the index may see the build from now on.
        tx.join_build(*build, (i64::MAX, who.wisher()), Some(&index.name)).await?;
        tx.build_published(*build, &index.name).await?;
        tx.note_published((*build, *fence), &[]).await?;
    }
    Ok(true)
}

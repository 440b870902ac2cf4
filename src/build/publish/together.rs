//! The wheels of a set, brought to where they belong by one transaction, which ends the set too.
//!
//! Everything that takes time or may be refused is done before: each wheel is named, checked and stored for each index
//! that gets it. So at any moment, also after a crash, indexes have all wheels of the set or none.

use super::{Finished, is_refusal, places};
use crate::conflict;
use crate::db::builds::BuildId;
use crate::db::built::{BuiltFile, WheelRefusal};
use crate::db::events::NewEvent;
use crate::db::sets::BuildSet;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::index::Indexes;
use crate::index::built::BUILDER;
use crate::index::take_built::{NewWheel, PreparedWheel};
use crate::names::IndexName;
use crate::words::EventKind;

/// Attempts; each fails only because somebody else took a name meanwhile.
const ATTEMPTS: usize = 8;

/// What became of the wheels of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// All indexes have them; or somebody else ended the set.
    Published,
    /// The index of the set refused one, which is noted with its build.
    Refused,
}

/// A wheel of the set, for all indexes that get it.
struct Part {
    build: BuildId,
    fence: i64,
    new: Vec<NewWheel>,
    /// Have it, or will have it.
    indexes: Vec<IndexName>,
    refused: Vec<WheelRefusal>,
}

/// Publishes the wheels of these builds, and ends their set. If the set's index refuses one, nothing is published,
/// unless the set keeps going.
///
/// # Errors
/// What may go well another time: nothing is published, and the set stays open.
pub async fn together(db: &Db, indexes: &Indexes, set: &BuildSet, builds: &[BuildId]) -> Result<Together> {
    for _ in 0..ATTEMPTS {
        let mut parts: Vec<Part> = Vec::with_capacity(builds.len());
        let mut beside: Vec<BuiltFile> = Vec::new();
        for build in builds {
            parts.extend(part(db, indexes, *build, &mut beside).await?);
        }
        let is_refused = |part: &Part| part.refused.iter().any(|refusal| refusal.index == set.index);
        if !set.keeps_going() && parts.iter().any(is_refused) {
            for part in &parts {
                db.note_published(part.build, part.fence, &part.refused).await?;
            }
            return Ok(Together::Refused);
        }
        let tx = match recorded(db, set, builds, &parts).await? {
            Recorded::All(tx) => tx,
            Recorded::NameTaken => continue,
            Recorded::Ended => return Ok(Together::Published),
        };
        let detail = format!("{} because of {}", set.id, set.because);
        tx.commit(NewEvent::of(BUILDER, EventKind::RebuildPublished).on(&set.index).saying(&detail)).await?;
        for built in parts.iter().flat_map(|part| &part.new).map(|new| &new.built) {
            indexes.changed(&built.index, &built.project);
        }
        return Ok(Together::Published);
    }
    Err(conflict!("cannot publish the wheels of rebuild {} on {}: try again", set.id, set.index))
}

/// A wheel made ready for all indexes that get it; `None` if there is none any more.
async fn part(
    db: &Db,
    indexes: &Indexes,
    build: BuildId,
    beside: &mut Vec<BuiltFile>,
) -> Result<Option<Part>> {
    let Some(finished) = Finished::of(db, build).await? else { return Ok(None) };
    let fence = finished.build.fence;
    let mut part = Part { build, fence, new: Vec::new(), indexes: Vec::new(), refused: Vec::new() };
    for (index, wanted) in places(indexes, &finished).await? {
        match indexes.prepare_built(&index, finished.handed(wanted), beside).await {
            Ok(prepared) => {
                if let PreparedWheel::New(new) = prepared {
                    beside.push(new.built.clone());
                    part.new.push(*new);
                }
                part.indexes.push(index.name);
            }
            Err(why) if is_refusal(&why) => {
                tracing::warn!(build, index = %index.name, %why, "an index refused a built wheel");
                part.refused.push(WheelRefusal { index: index.name, why: why.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    let gone = finished.gone(|name| {
        part.indexes.contains(name) || part.refused.iter().any(|refusal| refusal.index == *name)
    });
    part.refused.extend(gone);
    Ok(Some(part))
}

/// What a transaction of everything came to.
enum Recorded {
    All(Tx),
    /// Meanwhile, by somebody else.
    NameTaken,
    /// Somebody else ended the set.
    Ended,
}

async fn recorded(db: &Db, set: &BuildSet, builds: &[BuildId], parts: &[Part]) -> Result<Recorded> {
    let mut tx = Tx::begin(db).await?;
    if !tx.publish_set(set.id, builds).await? {
        return Ok(Recorded::Ended);
    }
    for part in parts {
        for new in &part.new {
            if !new.record(&mut tx).await? {
                return Ok(Recorded::NameTaken);
            }
            tx.step(new.event(&new.detail())).await?;
        }
        for index in &part.indexes {
            tx.build_published(part.build, index).await?;
        }
        tx.note_published((part.build, part.fence), &part.refused).await?;
    }
    Ok(Recorded::All(tx))
}

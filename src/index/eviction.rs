//! Mirrors with a bound: the copies that nobody used for the longest time go, and are fetched again when somebody asks.

use super::retention::all_indexes;
use crate::access::SERVER;
use crate::db::events::NewEvent;
use crate::db::space::CachedFile;
use crate::db::{Db, Tx};
use crate::directory::IndexKind;
use crate::error::Result;
use crate::names::IndexName;
use crate::words::EventKind;
use serde::Serialize;

/// Copies that one transaction forgets.
const AT_ONCE: i64 = 200;

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evicted {
    pub files: u64,
    pub bytes: u64,
}

/// Makes every mirror with the option `cache_size` fit into it, or with `dry_run` only counts. The bytes are removed with
/// all that nothing refers to.
pub async fn evict(db: &Db, dry_run: bool) -> Result<Evicted> {
    let mut all = Evicted::default();
    for index in all_indexes(db).await? {
        let IndexKind::Mirror(mirror) = &index.kind else { continue };
        let Some(most) = mirror.cache_size else { continue };
        let mut over = db.cached_bytes(&index.name).await?.saturating_sub(most);
        let mut seen = 0;
        while over > 0 {
            let files = db.least_used(&index.name, AT_ONCE, seen).await?;
            if files.is_empty() {
                break;
            }
            let gone = enough(files, &mut over);
            all.files += gone.len() as u64;
            all.bytes += gone.iter().map(size).sum::<u64>();
            match dry_run {
                true => seen += AT_ONCE,
                false => forget(db, &index.name, &gone).await?,
            }
        }
    }
    Ok(all)
}

fn size(file: &CachedFile) -> u64 {
    u64::try_from(file.size).unwrap_or_default()
}

/// The first files that make up for `over` bytes.
fn enough(files: Vec<CachedFile>, over: &mut u64) -> Vec<CachedFile> {
    let goes = |file: &CachedFile| {
        let goes = *over > 0;
        *over = over.saturating_sub(size(file));
        goes
    };
    files.into_iter().take_while(goes).collect()
}

async fn forget(db: &Db, index: &IndexName, files: &[CachedFile]) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    let Some((last, rest)) = files.split_last() else { return Ok(()) };
    let event = |file: &CachedFile| format!("{} ({} bytes): cache_size", file.filename, file.size);
    for file in rest {
        tx.forget_mirrored(index, &file.project, Some(&file.filename)).await?;
        let detail = event(file);
        let told = NewEvent::of(SERVER, EventKind::MirrorForgot).on(index).about(&file.project);
        tx.step(told.saying(&detail)).await?;
    }
    tx.forget_mirrored(index, &last.project, Some(&last.filename)).await?;
    let detail = event(last);
    let told = NewEvent::of(SERVER, EventKind::MirrorForgot).on(index).about(&last.project);
    tx.commit(told.saying(&detail)).await?;
    Ok(())
}

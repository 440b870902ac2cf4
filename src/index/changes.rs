//! What changed in an index and its bases, as far as somebody may read them.

use super::view::Views;
use crate::access::Who;
use crate::db::events::Event;
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::names::IndexName;
use std::sync::Arc;

/// Changes of one answer.
const CHANGES: i64 = 50_000;

impl Views {
    /// What changed in `index` and its bases after a serial, as far as `who` may read them.
    pub async fn changes(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        who: &Who,
        serial: i64,
    ) -> Result<Vec<Event>> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let may =
            |at: usize| readable.checked_shr(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1;
        let named = walk.order.sources.iter().enumerate().filter(|(at, _)| may(*at));
        let names: Vec<IndexName> = named.map(|(_, name)| name.clone()).collect();
        self.sources().db.events_of(&names, serial, CHANGES).await
    }
}

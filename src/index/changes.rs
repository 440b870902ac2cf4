//! What changed in an index and its bases, as far as somebody may read them.

use super::sight::reads;
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
        let named = walk.order.sources.iter().enumerate().filter(|(at, _)| reads(readable, *at));
        let names: Vec<IndexName> = named.map(|(_, name)| name.clone()).collect();
        self.sources().db.events_of(&names, serial, CHANGES).await
    }
}

//! Builds that are ended before they are done.

use super::{Queue, no_build};
use crate::access::Who;
use crate::conflict;
use crate::db::Tx;
use crate::db::builds::{Build, BuildId, Ending};
use crate::db::events::NewEvent;
use crate::error::Result;
use crate::tools::time::now;
use crate::words::{BuildState, Class, EventKind, Step};

impl Queue {
    /// Takes back the wish of `who`; the build ends if nobody else wants it, or with `all` in any case:
    /// whoever works on it breaks off. What was begun for it alone ends too. `false`: it goes on.
    ///
    /// # Errors
    /// `Missing` if there is no such build, `Conflict` if it has ended, or another waits for it.
    pub async fn cancel(&self, who: &Who, id: BuildId, all: bool) -> Result<bool> {
        let row = self.0.db.build(id).await?.ok_or_else(|| no_build(id))?;
        if row.state.has_ended() {
            return Err(conflict!("build {id} has already ended"));
        }
        let waiting = self.waiting_for(id).await?;
        if let Some(waiting) = waiting.first().filter(|_| all) {
            return Err(conflict!(
                "cannot cancel build {id} while build {waiting} needs it: cancel that build"
            ));
        }
        self.0.db.leave_build(id, who.wisher()).await?;
        if !waiting.is_empty() {
            return Ok(false);
        }
        let mut open = vec![row];
        let mut ended = false;
        while let Some(row) = open.pop() {
            if !self.end_early(who, &row, all && row.id == id).await? {
                continue;
            }
            ended = true;
            for edge in self.0.db.build_needs(row.id).await? {
                let begun = format!("build:{}", row.id);
                self.0.db.leave_build(edge.needs, &begun).await?;
                if let Some(needed) = self.0.db.build(edge.needs).await?
                    && self.waiting_for(needed.id).await?.is_empty()
                {
                    open.push(needed);
                }
            }
        }
        if !ended {
            return Ok(false);
        }
        self.tell();
        self.settle().await?;
        Ok(true)
    }

    /// Builds that have not ended and need this one.
    async fn waiting_for(&self, id: BuildId) -> Result<Vec<BuildId>> {
        let mut waiting = Vec::new();
        for edge in self.0.db.build_needed_by(id).await? {
            let row = self.0.db.build(edge.build).await?;
            waiting.extend(row.filter(|row| row.state == BuildState::Blocked).map(|row| row.id));
        }
        Ok(waiting)
    }

    async fn end_early(&self, who: &Who, row: &Build, all: bool) -> Result<bool> {
        let by = who.user.as_deref().unwrap_or("somebody");
        let ending = Ending {
            class: Class::Cancelled,
            hint: format!("{by} cancelled the build: request it again"),
            line: None,
            step: Step::Fetch,
            log_sha256: self.join_log(row.id).await?,
            at: now(),
        };
        if !self.0.db.cancel_build(row.id, all, &ending).await? {
            return Ok(false);
        }
        self.0.db.drop_log_pieces(row.id).await?;
        let detail = format!("{} for {}", row.id, row.target);
        let told = NewEvent::of_build(&who.label, EventKind::BuildCancelled, row.project.as_ref(), &detail);
        Tx::begin(&self.0.db).await?.commit(told).await?;
        self.changed(row);
        Ok(true)
    }
}

//! Builds that are ended before they are done.

use super::row::class_name;
use super::{BuildId, Builds, no_build};
use crate::access::Who;
use crate::build::failure::Class;
use crate::build::job::Step;
use crate::conflict;
use crate::db::builds::{Ending, StoredBuild};
use crate::db::events::NewEvent;
use crate::db::{Tx, now};
use crate::error::Result;

impl Builds {
    /// Ends a build; whoever works on it breaks off. What was begun for it alone ends too.
    ///
    /// # Errors
    /// `Missing` if there is no such build, `Conflict` if it has ended, or another waits for it.
    pub async fn cancel(&self, who: &Who, id: BuildId) -> Result<()> {
        let row = self.0.db.build(id).await?.ok_or_else(|| no_build(id))?;
        if let Some(waiting) = self.waiting_for(id).await?.first() {
            return Err(conflict!("build {waiting} needs build {id}: cancel that one"));
        }
        let mut open = vec![row];
        let mut ended = false;
        while let Some(row) = open.pop() {
            if !self.end_early(who, &row).await? {
                continue;
            }
            ended = true;
            for edge in self.0.db.build_needs(row.id).await? {
                let begun = format!("build:{}", row.id);
                let needed = self.0.db.build(edge.needs).await?.filter(|needed| needed.asked_by == begun);
                if let Some(needed) = needed
                    && self.waiting_for(needed.id).await?.is_empty()
                {
                    open.push(needed);
                }
            }
        }
        if !ended {
            return Err(conflict!("build {id} has ended already"));
        }
        self.tell();
        self.settle().await
    }

    /// Builds that have not ended and need this one.
    async fn waiting_for(&self, id: BuildId) -> Result<Vec<BuildId>> {
        let mut waiting = Vec::new();
        for edge in self.0.db.build_needed_by(id).await? {
            let row = self.0.db.build(edge.build).await?;
            waiting.extend(row.filter(|row| row.state == "blocked").map(|row| row.id));
        }
        Ok(waiting)
    }

    async fn end_early(&self, who: &Who, row: &StoredBuild) -> Result<bool> {
        let by = who.user.as_deref().unwrap_or("somebody");
        let ending = Ending {
            class: class_name(Class::Cancelled),
            hint: format!("{by} cancelled it: asked for again, it runs again"),
            line: None,
            step: Step::Fetch.name().into(),
            log_sha256: self.join_log(row.id).await?,
            at: now(),
        };
        if !self.0.db.cancel_build(row.id, &ending).await? {
            return Ok(false);
        }
        self.0.db.drop_log_pieces(row.id).await?;
        let detail = format!("{} for {}", row.id, row.target);
        let told = NewEvent {
            who: &who.label,
            what: "build cancelled",
            index: None,
            project: row.project.as_deref(),
            detail: Some(&detail),
        };
        Tx::begin(&self.0.db).await?.commit(told).await?;
        self.changed(row);
        Ok(true)
    }
}

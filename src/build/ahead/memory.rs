//! What building ahead remembers: how far it is, and which sources are taken up.

use super::super::queue::Queue;
use crate::access::Who;
use crate::db::builds::BuildId;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks for builds that nobody waits for, in the audit trail.
pub const AHEAD: &str = ":ahead";

/// Builds of this kind that are open at the same time.
pub const MOST_OPEN: usize = 48;

/// The name under which the position is kept.
const FACT: &str = "ahead";

/// What is done, kept in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Uploads up to this event are taken up.
    pub(super) serial: i64,
    #[serde(default)]
    pub(super) sweeps: BTreeMap<IndexName, Sweep>,
}

/// How far one index is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweep {
    /// What is wished; another wish begins anew.
    pub(super) wish: String,
    /// The place after which the next step begins, and the one before, which is where a restart
    /// begins while that step is not through.
    pub(super) after: (Micros, String),
    pub(super) before: (Micros, String),
    pub(super) ended_at: Option<Micros>,
}

impl Sweep {
    fn go_back(&mut self) {
        self.after.clone_from(&self.before);
        self.ended_at = None;
    }
}

/// A source that wheels are being built of.
#[derive(Debug)]
pub(super) struct SourceAhead {
    pub(super) index: IndexName,
    pub(super) project: ProjectName,
    pub(super) filename: String,
    /// The event that told of it; `None`: met by a sweep.
    pub(super) serial: Option<i64>,
    /// Builds that have not ended yet.
    pub(super) open: Vec<BuildId>,
    /// Targets that were asked for.
    pub(super) asked: BTreeSet<String>,
    pub(super) tries: u32,
}

/// The task's memory.
#[derive(Debug, Default)]
pub struct Ahead {
    pub(super) position: Option<Position>,
    pub(super) kept: Option<Position>,
    pub(super) items: Vec<SourceAhead>,
    /// When a sweep that found nothing new is worth another look.
    pub(super) again: BTreeMap<IndexName, Micros>,
}

impl Ahead {
    /// Where the last process left off; at first, now: history is what sweeps are for.
    pub(super) async fn begin(&mut self, queue: &Queue) -> Result<()> {
        let known = queue.db().fact(FACT).await?;
        let known = known.and_then(|text| serde_json::from_str::<Position>(&text).ok());
        let position = match known {
            Some(position) => position,
            None => Position { serial: queue.db().serial().await?, sweeps: BTreeMap::new() },
        };
        self.position = Some(position);
        Ok(())
    }

    pub(super) fn room(&self) -> usize {
        let open: usize = self.items.iter().map(|item| item.open.len().max(1)).sum();
        MOST_OPEN.saturating_sub(open)
    }

    pub(super) fn add(
        &mut self,
        index: &IndexName,
        project: ProjectName,
        filename: String,
        serial: Option<i64>,
    ) {
        if self.items.iter().any(|item| item.index == *index && item.filename == filename) {
            return;
        }
        let (open, asked) = (Vec::new(), BTreeSet::new());
        self.items.push(SourceAhead {
            index: index.clone(),
            project,
            filename,
            serial,
            open,
            asked,
            tries: 0,
        });
    }

    /// Keeps what is through: after a restart the rest is taken up again, and what is built by then
    /// is joined.
    pub(super) async fn keep(&mut self, queue: &Queue) -> Result<()> {
        let Some(position) = &self.position else { return Ok(()) };
        let mut through = position.clone();
        if let Some(oldest) = self.items.iter().filter_map(|item| item.serial).min() {
            through.serial = through.serial.min(oldest - 1);
        }
        for item in self.items.iter().filter(|item| item.serial.is_none()) {
            if let Some(sweep) = through.sweeps.get_mut(&item.index) {
                sweep.go_back();
            }
        }
        if self.kept.as_ref() == Some(&through) {
            return Ok(());
        }
        let text = serde_json::to_string(&through).map_err(Error::internal)?;
        queue.db().set_fact(FACT, &text).await?;
        self.kept = Some(through);
        Ok(())
    }
}

pub(super) fn who() -> Who {
    Who { label: AHEAD.to_owned(), ..Who::default() }
}

//! Wishes: what installers asked an index for in vain, counted in memory and written now and then.

use crate::db::Db;
use crate::db::wishes::{NewWish, WishRow};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::{Micros, now};
use crate::words::{Moment, WishState};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Wishes that wait to be written; more are not remembered.
const MOST_WAITING: usize = 10_000;

/// An index, a project, and the target's name as far as it is known.
type WishKey = (IndexName, ProjectName, String);

/// What is asked for in vain. Cheap to clone.
#[derive(Clone)]
pub struct Wishes(Arc<Waiting>);

struct Waiting {
    db: Db,
    is_on: bool,
    counts: Mutex<HashMap<WishKey, (i64, Micros)>>,
}

/// One wish, and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WishView {
    pub project: ProjectName,
    /// Empty: no installer told of one that is known here.
    pub target: String,
    pub state: WishState,
    /// How often.
    pub asked: i64,
    pub first: Moment,
    pub last: Moment,
    /// Why the last bundle does not have it.
    pub refused: Option<String>,
}

impl WishView {
    /// Whether it is still to be brought.
    pub fn is_open(&self) -> bool {
        self.state == WishState::Open
    }
}

/// The wishes of an index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WishesView {
    pub index: IndexName,
    /// Those asked for last come first.
    pub wishes: Vec<WishView>,
}

impl Wishes {
    pub fn new(db: Db, is_on: bool) -> Self {
        Self(Arc::new(Waiting { db, is_on, counts: Mutex::default() }))
    }

    /// Notes that somebody asked in vain; writes nothing yet.
    pub fn note(&self, index: &IndexName, project: &ProjectName, target: &str) {
        if !self.0.is_on {
            return;
        }
        let key = (index.clone(), project.clone(), target.to_owned());
        let mut counts = self.0.counts.lock();
        if counts.len() < MOST_WAITING || counts.contains_key(&key) {
            let count = counts.entry(key).or_default();
            *count = (count.0 + 1, now());
        }
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// `Internal` and the like if the database does not take it; it is not tried again.
    pub async fn flush(&self) -> Result<()> {
        let counts = std::mem::take(&mut *self.0.counts.lock());
        let mut new: Vec<NewWish> = counts
            .into_iter()
            .map(|((index, project, target), (asked, at))| NewWish { index, project, target, asked, at })
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        // Always in the same order, so that two processes never wait for each other's rows.
        new.sort_unstable_by(|one, other| {
            (&one.index, &one.project, &one.target).cmp(&(&other.index, &other.project, &other.target))
        });
        self.0.db.add_wishes(&new).await
    }

    /// The wishes of an index.
    ///
    /// # Errors
    /// `Internal` if the rows cannot be read.
    pub async fn list(&self, index: &IndexName) -> Result<WishesView> {
        self.flush().await?;
        let rows = self.0.db.wishes(index).await?;
        Ok(WishesView { index: index.clone(), wishes: rows.into_iter().map(WishView::from).collect() })
    }
}

impl From<WishRow> for WishView {
    fn from(row: WishRow) -> Self {
        let state = match (row.is_here, &row.refused) {
            (true, _) => WishState::Here,
            (false, Some(_)) => WishState::Refused,
            (false, None) => WishState::Open,
        };
        Self {
            project: row.project,
            target: row.target,
            state,
            asked: row.asked,
            first: Moment(row.first_at),
            last: Moment(row.last_at),
            refused: row.refused.filter(|_| !row.is_here),
        }
    }
}

//! What changed since the files were written, and is not in them yet: of that they know the name at most.

use super::shelf::Card;
use crate::db::Db;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::words::EventKind;
use std::collections::HashSet;

/// Events that are looked through; with more of them nothing in the files counts as known.
const MOST: u32 = 1000;

/// The projects of which the files may tell what was deleted or hidden meanwhile.
#[derive(Default)]
pub struct Late {
    everything: bool,
    indexes: HashSet<IndexName>,
    projects: HashSet<(IndexName, ProjectName)>,
}

impl Late {
    /// What changed behind the event that the files reach; `None`: nobody knows how far they are.
    pub async fn behind(db: &Db, serial: Option<i64>) -> Result<Self> {
        let mut late = Self::default();
        let Some(serial) = serial else { return Ok(Self { everything: true, ..late }) };
        let events = db.events_after(serial, MOST).await?;
        late.everything = events.len() >= MOST as usize;
        for event in events {
            let is_of_index = matches!(event.what, EventKind::IndexCreated | EventKind::IndexDeleted);
            for index in event.context.iter().flat_map(|context| context.indexes()) {
                match &event.project {
                    Some(project) => _ = late.projects.insert((index.clone(), project.clone())),
                    None if is_of_index => _ = late.indexes.insert(index.clone()),
                    None => {}
                }
            }
        }
        Ok(late)
    }

    /// Whether what a card says may be untrue by now.
    pub fn has(&self, card: &Card) -> bool {
        self.everything
            || self.indexes.contains(&card.index)
            || self.projects.contains(&(card.index.clone(), card.project.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Tx;
    use crate::db::events::NewEvent;

    fn card(index: &str, project: &str) -> Card {
        Card {
            index: index.parse().unwrap(),
            project: project.parse().unwrap(),
            name: project.to_owned(),
            summary: String::new(),
            told: String::new(),
            releases: String::new(),
        }
    }

    #[tokio::test]
    async fn what_events_behind_the_mark_name_is_late_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        let at = db.serial().await.unwrap();
        let (dev, made, one) = ("a/dev".parse().unwrap(), "a/made".parse().unwrap(), "one".parse().unwrap());
        for event in [
            NewEvent::of(":test", EventKind::ReleaseDeleted).on(&dev).about(&one),
            NewEvent::of(":test", EventKind::IndexCreated).on(&made),
            NewEvent::of(":test", EventKind::IndexChanged).on(&dev),
        ] {
            Tx::begin(&db).await.unwrap().commit(event).await.unwrap();
        }
        let late = Late::behind(&db, Some(at)).await.unwrap();
        let known = [card("a/dev", "one"), card("a/dev", "two"), card("a/made", "one"), card("b/dev", "one")];
        assert_eq!(known.each_ref().map(|card| late.has(card)), [true, false, true, false]);
        let late = Late::behind(&db, Some(at + 1)).await.unwrap();
        assert!(!late.has(&known[0]) && late.has(&known[2]));
        assert!(Late::behind(&db, None).await.unwrap().has(&known[1]), "files that are being made");
    }
}

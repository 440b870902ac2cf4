//! Quarantine: projects and versions that an administrator takes off the pages at once, and gives back.

use super::{Indexes, admin};
use crate::access::{self, Decision, Need, Who};
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::quarantine::QuarantineRow;
use crate::error::{Result, clipped};
use crate::names::{IndexName, ProjectName};
use crate::packaging::requirement::Requirement;
use crate::tools::time::now;
use crate::words::{EventKind, Moment};
use crate::{bad, conflict, forbidden, missing};
use serde::{Deserialize, Serialize};

/// Characters of the longest reason.
const LONGEST_REASON: usize = 500;

/// What goes into quarantine, or comes out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewQuarantine {
    /// `demo`, `demo==1.0`, `demo<2`
    pub what: String,
    /// For whoever is refused.
    pub why: String,
    /// Absent: all indexes.
    pub index: Option<IndexName>,
}

/// A quarantine as JSON and the command line show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuarantineView {
    pub id: String,
    /// Absent: all indexes.
    pub index: Option<IndexName>,
    /// `demo<2`
    pub what: String,
    pub why: String,
    pub by: String,
    pub at: Moment,
    pub released_by: Option<String>,
    pub released_at: Option<Moment>,
}

impl From<QuarantineRow> for QuarantineView {
    fn from(row: QuarantineRow) -> Self {
        Self {
            id: row.id,
            index: row.index,
            what: format!("{}{}", row.project, row.specifier),
            why: row.why,
            by: row.placed_by,
            at: Moment(row.placed_at),
            released_by: row.released_by,
            released_at: row.released_at.map(Moment),
        }
    }
}

/// A project, and specifiers as text; empty: all versions.
fn what(text: &str) -> Result<(ProjectName, String)> {
    let read = Requirement::parse(text)?;
    if read.url.is_some() || read.marker.is_some() || !read.extras.is_empty() {
        return Err(bad!(
            "'{text}' names more than a project and versions: write demo, demo==1.0 or 'demo<2'"
        ));
    }
    let name = read.name.to_string();
    Ok((read.name.clone(), read.to_string().trim_start_matches(name.as_str()).to_owned()))
}

/// The quarantine of exactly this, among those that hold.
///
/// # Errors
/// `Missing`, naming those that the project has.
pub fn quarantine_of(
    held: Vec<QuarantineView>,
    text: &str,
    index: Option<&IndexName>,
) -> Result<QuarantineView> {
    let (project, specifier) = what(text)?;
    let exactly = format!("{project}{specifier}");
    let own = |held: &QuarantineView| what(&held.what).is_ok_and(|(of, _)| of == project);
    let mut held: Vec<QuarantineView> = held.into_iter().filter(own).collect();
    let exact = held.iter().position(|held| held.what == exactly && held.index.as_ref() == index);
    if let Some(at) = exact {
        return Ok(held.swap_remove(at));
    }
    let named = held.iter().map(|held| match &held.index {
        Some(index) => format!("{} --index {index}", held.what),
        None => held.what.clone(),
    });
    Err(match named.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => missing!("nothing of {project} is quarantined"),
        some => missing!("{text} is not quarantined. Of {project}, these are: {some}"),
    })
}

impl Indexes {
    /// Puts a project or some of its versions into quarantine: from now on nobody gets them from here.
    ///
    /// # Errors
    /// `Bad` without a reason or for a wrong requirement, `Forbidden` without the permission, `Conflict` if it is there
    /// already.
    pub async fn quarantine(&self, who: &Who, new: &NewQuarantine) -> Result<QuarantineView> {
        let (project, specifier) = what(&new.what)?;
        let why: String = new.why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let why = clipped(why.trim(), LONGEST_REASON);
        if why.is_empty() {
            return Err(bad!("the reason is missing: say why, since whoever is refused reads it"));
        }
        self.may_quarantine(who, new.index.as_ref())?;
        let mut tx = Tx::begin(&self.db).await?;
        let known = tx.quarantines_of(&project).await?;
        if let Some(known) =
            known.iter().find(|known| known.index == new.index && known.specifier == specifier)
        {
            return Err(conflict!(
                "{} is already quarantined: {} (quarantine {})",
                new.what,
                known.why,
                known.id
            ));
        }
        let row = QuarantineRow {
            id: tx.serial.to_string(),
            index: new.index.clone(),
            project,
            specifier,
            why,
            placed_by: who.label.clone(),
            placed_at: now(),
            released_by: None,
            released_at: None,
        };
        tx.place_quarantine(&row).await?;
        let detail = format!("{}{}: {}", row.project, row.specifier, row.why);
        tx.commit(told(who, EventKind::Quarantined, &row, &detail)).await?;
        self.refresh().await?;
        Ok(row.into())
    }

    /// Gives back what this quarantine took.
    ///
    /// # Errors
    /// `Missing` if none of this number holds, `Forbidden` without the permission.
    pub async fn release(&self, who: &Who, id: &str) -> Result<QuarantineView> {
        let held = self.db.quarantines().await?.into_iter().find(|held| held.id == id);
        let mut held = held.ok_or_else(|| {
            missing!(
                "no quarantine has the number {}: `wheelwright quarantine --list` shows all",
                clipped(id, 40)
            )
        })?;
        self.may_quarantine(who, held.index.as_ref())?;
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.release_quarantine(id, &who.label).await? {
            return Err(conflict!("quarantine {id} has just been released"));
        }
        (held.released_by, held.released_at) = (Some(who.label.clone()), Some(tx.now));
        let detail = format!("{}{}", held.project, held.specifier);
        tx.commit(told(who, EventKind::QuarantineReleased, &held, &detail)).await?;
        self.refresh().await?;
        Ok(held.into())
    }

    /// Those that hold, or those that were released, as far as `who` may know of their indexes.
    pub async fn quarantines(&self, who: &Who, released: bool) -> Result<Vec<QuarantineView>> {
        let rows = match released {
            true => self.db.released_quarantines().await?,
            false => self.db.quarantines().await?,
        };
        let directory = self.directory();
        let reads = |index: &IndexName| {
            directory.indexes.get(index).is_some_and(|index| access::may_read(&directory, who, index))
        };
        let rows = rows.into_iter().filter(|row| row.index.as_ref().is_none_or(reads));
        Ok(rows.map(QuarantineView::from).collect())
    }

    /// Root anywhere, and on an index whoever may manage it.
    fn may_quarantine(&self, who: &Who, index: Option<&IndexName>) -> Result<()> {
        let directory = self.directory();
        let allowed = match index {
            Some(name) => {
                let known = directory.index(name)?;
                if !access::may_read(&directory, who, known) && !admin::manages(&directory, who, name) {
                    return Err(crate::directory::no_index(name));
                }
                admin::manages(&directory, who, name)
            }
            None => access::decide(&directory, who, Need::Operate, None, None, None) == Decision::Allowed,
        };
        match (allowed, index) {
            (true, _) => Ok(()),
            (false, Some(index)) => Err(forbidden!(
                "{} is not allowed to do this: only those who may change {index} can quarantine there",
                who.label
            )),
            (false, None) => Err(forbidden!(
                "{} is not allowed to do this: only root can quarantine on all indexes. Name an index that you manage",
                who.label
            )),
        }
    }
}

fn told<'a>(who: &'a Who, kind: EventKind, row: &'a QuarantineRow, detail: &'a str) -> NewEvent<'a> {
    let event = NewEvent::of(&who.label, kind).about(&row.project).saying(detail);
    row.index.as_ref().map_or(event, |index| event.on(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quarantined_is_a_project_and_versions_and_nothing_else() {
        let read = |text| what(text).map(|(project, specifier)| format!("{project} {specifier}"));
        assert_eq!(read("Demo_X").unwrap(), "demo-x ");
        assert_eq!(read("demo == 1.0").unwrap(), "demo ==1.0");
        assert_eq!(read("demo>=1, <2").unwrap(), "demo <2,>=1");
        for wrong in ["", "demo[extra]", "demo; python_version < '3'", "demo @ https://host/x.whl", "demo=1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

//! What lock files name for a target of an index, and what was found of it.

use super::builds::BuildId;
use super::events::NewEvent;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::{BuildState, Class, EventKind, Failure, Step};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Whose list, for which target of which index.
#[derive(Clone, Copy, Debug)]
pub struct ReadinessList<'a> {
    pub index: &'a IndexName,
    pub target: &'a str,
    pub owner: &'a str,
    /// Empty: the one without a name.
    pub list: &'a str,
}

/// What was found of a release when it was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRelease {
    /// File name.
    pub wheel: Option<String>,
    /// There is neither wheel nor source.
    pub why: Option<String>,
    /// That was asked for, or that made the wheel.
    pub build: Option<BuildId>,
}

impl FoundRelease {
    /// Neither wheel nor source.
    pub fn nothing(why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..Self::default() }
    }
}

/// A line of a list, with the newest build of its release.
#[derive(Clone, Debug)]
pub struct ReadinessRow {
    pub project: ProjectName,
    pub version: String,
    pub owner: String,
    pub list: String,
    pub found: FoundRelease,
    /// `None`: not tried.
    pub looked_at: Option<Micros>,
    pub build: Option<ReadinessBuild>,
}

/// What a list shows of a build.
#[derive(Clone, Debug)]
pub struct ReadinessBuild {
    pub id: BuildId,
    pub context: BuildContext,
    pub state: BuildState,
    pub doubtful: bool,
    pub failure: Option<Failure>,
    /// Why indexes refused its wheel, a line each.
    pub unpublished: Option<String>,
}

/// The newest build of the release takes the place of the one that was noted: the recipe may be another by now.
const LISTED: &str = "SELECT r.project, r.version, r.owner, r.list, r.wheel, r.why, r.build AS noted, r.looked_at, b.id, \
    b.context, b.state, b.class, b.hint, b.line, b.step, b.unpublished, \
    CAST(CASE WHEN b.evidence LIKE '%\"doubts\":[\"%' THEN 1 ELSE 0 END AS BIGINT) AS doubtful \
    FROM readiness r LEFT JOIN build b ON b.id = (SELECT max(n.id) FROM build o JOIN build n \
    ON n.project = o.project AND n.version = o.version AND n.target = o.target AND n.context = o.context \
    AND n.given = o.given AND n.purpose = 'wheel' AND n.trial = 0 AND n.because IS NULL WHERE o.id = r.build) \
    WHERE r.index_name = $1 AND r.target = $2 ORDER BY r.project, r.version, r.owner, r.list LIMIT $3";

impl Db {
    /// Writes a list anew: what it named before and names again keeps what was found. `false`: with it, all lists of
    /// the target together would have more than `most` lines.
    pub async fn replace_readiness(
        &self,
        who: &str,
        list: ReadinessList<'_>,
        pins: &[(ProjectName, String)],
        (at, most): (Micros, i64),
    ) -> Result<bool> {
        let mut tx = Tx::begin(self).await?;
        let add = "INSERT INTO readiness (index_name, target, owner, list, project, version, named_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (index_name, target, owner, list, project, version) \
            DO UPDATE SET named_at = excluded.named_at";
        for (project, version) in pins {
            let query = sqlx::query(add).bind(list.index).bind(list.target).bind(list.owner).bind(list.list);
            query.bind(project).bind(version).bind(at).execute(&mut *tx.tx).await?;
        }
        let drop = "DELETE FROM readiness WHERE index_name = $1 AND target = $2 AND owner = $3 AND list = $4 \
            AND named_at <> $5";
        let query = sqlx::query(drop).bind(list.index).bind(list.target).bind(list.owner).bind(list.list);
        query.bind(at).execute(&mut *tx.tx).await?;
        let count = "SELECT count(*) FROM readiness WHERE index_name = $1 AND target = $2";
        let count: i64 =
            sqlx::query_scalar(count).bind(list.index).bind(list.target).fetch_one(&mut *tx.tx).await?;
        if count > most {
            return Ok(false);
        }
        let detail = format!("{} {}: {} releases", list.target, list.list, pins.len());
        tx.commit(NewEvent::of(who, EventKind::ReadinessListed).on(list.index).saying(&detail)).await?;
        Ok(true)
    }

    /// Notes what was found of a release, in every list that names it.
    pub async fn note_readiness(
        &self,
        (index, target): (&IndexName, &str),
        (project, version): (&ProjectName, &str),
        found: &FoundRelease,
        at: Micros,
    ) -> Result<()> {
        let query = "UPDATE readiness SET wheel = $5, why = $6, build = $7, looked_at = $8 \
            WHERE index_name = $1 AND target = $2 AND project = $3 AND version = $4";
        sqlx::query(query)
            .bind(index)
            .bind(target)
            .bind(project)
            .bind(version)
            .bind(&found.wheel)
            .bind(&found.why)
            .bind(found.build)
            .bind(at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The targets that an index has lists for, by name.
    pub async fn readiness_targets(&self, index: &IndexName) -> Result<Vec<String>> {
        let query = "SELECT DISTINCT target FROM readiness WHERE index_name = $1";
        let mut targets: Vec<String> = sqlx::query_scalar(query).bind(index).fetch_all(&self.pool).await?;
        targets.sort_unstable();
        Ok(targets)
    }

    /// At most so many lines of all lists of a target, by project and version.
    pub async fn readiness(&self, index: &IndexName, target: &str, most: i64) -> Result<Vec<ReadinessRow>> {
        let rows = sqlx::query(LISTED).bind(index).bind(target).bind(most).fetch_all(&self.pool).await?;
        rows.iter().map(readiness_row).collect()
    }
}

fn readiness_row(row: &AnyRow) -> Result<ReadinessRow> {
    let found =
        FoundRelease { wheel: row.try_get("wheel")?, why: row.try_get("why")?, build: row.try_get("noted")? };
    let id: Option<BuildId> = row.try_get("id")?;
    Ok(ReadinessRow {
        project: row.try_get("project")?,
        version: row.try_get("version")?,
        owner: row.try_get("owner")?,
        list: row.try_get("list")?,
        found,
        looked_at: row.try_get("looked_at")?,
        build: id.map(|id| readiness_build(row, id)).transpose()?,
    })
}

fn readiness_build(row: &AnyRow, id: BuildId) -> Result<ReadinessBuild> {
    let class: Option<Class> = row.try_get("class")?;
    let step: Option<Step> = row.try_get("step")?;
    let (hint, line): (Option<String>, Option<String>) = (row.try_get("hint")?, row.try_get("line")?);
    let failure = class.map(|class| Failure {
        class,
        hint: hint.unwrap_or_default(),
        line,
        step: step.unwrap_or(Step::Fetch),
    });
    Ok(ReadinessBuild {
        id,
        context: row.try_get("context")?,
        state: row.try_get("state")?,
        doubtful: row.try_get::<i64, _>("doubtful")? != 0,
        failure,
        unpublished: row.try_get("unpublished")?,
    })
}

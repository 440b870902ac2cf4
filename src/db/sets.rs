//! Builds that are published together, and what they replace.

use super::builds::{Build, BuildId};
use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::{Evidence, SetState};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `build_set`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSet {
    pub id: i64,
    pub index: IndexName,
    pub because: String,
    pub state: SetState,
    pub created_at: Micros,
    /// When it was published or withheld.
    pub ended_at: Option<Micros>,
    keep_going: i64,
}

row!(BuildSet of build_set { id, index = index_name, because, state, created_at, ended_at, keep_going });

impl BuildSet {
    pub fn keeps_going(&self) -> bool {
        self.keep_going != 0
    }
}

/// A build of a set that is to be, and what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    pub build: BuildId,
    pub replaces: BuildId,
    /// The version that that was built against.
    pub was: String,
    /// That was doubtful already.
    pub doubted: bool,
}

/// A build of a set as it is now.
#[derive(Clone, Debug)]
pub struct SetMember {
    pub build: Build,
    pub replaces: BuildId,
    pub was: String,
    pub doubted: bool,
    /// Indexes may have its wheel.
    pub released: bool,
    /// The set's index has it, maybe as the very wheel that it had before.
    pub listed: bool,
    /// It was brought to where it belongs.
    pub brought: bool,
}

/// A wheel of an index that was built here, with what its build tells.
#[derive(Clone, Debug)]
pub struct BuiltRelease {
    pub build: BuildId,
    pub project: ProjectName,
    pub version: String,
    /// Empty if its build is forgotten.
    pub target: String,
    /// `None`: the build ran again since, or is forgotten.
    pub evidence: Option<Evidence>,
}

/// Sets that are looked at in one go.
const AT_ONCE: i64 = 100;

const ENDED: &str = "WHERE state = 'open' AND NOT EXISTS (SELECT 1 FROM build_set_member m JOIN build b \
    ON b.id = m.build WHERE m.build_set = build_set.id AND b.state NOT IN ('built', 'failed')) ORDER BY id LIMIT $1";

const MEMBERS: &str = "SELECT m.build, m.replaces, m.was, m.doubted, m.released, \
    CAST(CASE WHEN m.released = 1 AND EXISTS (SELECT 1 FROM built_file f WHERE f.index_name = s.index_name \
    AND f.wheel_sha256 = b.wheel_sha256) THEN 1 ELSE 0 END AS BIGINT) AS listed, \
    CAST(CASE WHEN b.published_fence = b.fence THEN 1 ELSE 0 END AS BIGINT) AS brought \
    FROM build_set_member m JOIN build_set s ON s.id = m.build_set JOIN build b ON b.id = m.build \
    WHERE m.build_set = $1 ORDER BY m.build";

const BUILT: &str = "SELECT f.build, f.project, f.version, COALESCE(b.target, '') AS target, \
    CASE WHEN b.state = 'built' THEN b.evidence ELSE NULL END AS evidence FROM built_file f \
    JOIN file ON file.index_name = f.index_name AND file.filename = f.filename LEFT JOIN build b ON b.id = f.build \
    WHERE f.index_name = $1 AND file.deleted_at IS NULL ORDER BY f.created_at, f.build LIMIT $2";

impl Db {
    /// At most so many wheels of an index that were built here, the oldest first.
    pub async fn built_releases(&self, index: &IndexName, most: i64) -> Result<Vec<BuiltRelease>> {
        let rows = sqlx::query(BUILT).bind(index).bind(most).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| -> Result<BuiltRelease> {
            Ok(BuiltRelease {
                build: row.try_get("build")?,
                project: row.try_get("project")?,
                version: row.try_get("version")?,
                target: row.try_get("target")?,
                evidence: row.try_get("evidence")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub async fn build_set(&self, id: i64) -> Result<Option<BuildSet>> {
        Ok(BuildSet::select("WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// The newest sets of an index.
    pub async fn build_sets(&self, index: &IndexName, most: i64) -> Result<Vec<BuildSet>> {
        let newest = BuildSet::select("WHERE index_name = $1 ORDER BY id DESC LIMIT $2");
        Ok(newest.bind(index).bind(most).fetch_all(&self.pool).await?)
    }

    /// Open sets all of whose builds have ended.
    pub async fn ended_sets(&self) -> Result<Vec<BuildSet>> {
        Ok(BuildSet::select(ENDED).bind(AT_ONCE).fetch_all(&self.pool).await?)
    }

    /// The builds of a set, by number.
    pub async fn set_members(&self, set: i64) -> Result<Vec<SetMember>> {
        let mut members = Vec::new();
        for row in sqlx::query(MEMBERS).bind(set).fetch_all(&self.pool).await? {
            let is = |column: &str| row.try_get::<i64, _>(column).map(|number| number != 0);
            // It may be deleted meanwhile.
            let Some(build) = self.build(row.try_get("build")?).await? else { continue };
            members.push(SetMember {
                build,
                replaces: row.try_get("replaces")?,
                was: row.try_get("was")?,
                doubted: is("doubted")?,
                released: is("released")?,
                listed: is("listed")?,
                brought: is("brought")?,
            });
        }
        Ok(members)
    }

    /// Whether a set released the wheel of this build.
    pub async fn is_released(&self, build: BuildId) -> Result<bool> {
        let query = "SELECT count(*) FROM build_set_member WHERE build = $1 AND released = 1";
        let count: i64 = sqlx::query_scalar(query).bind(build).fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// Ends an open set without a wheel of it. `false`: somebody else ended it.
    pub async fn withhold_set(&self, set: i64, at: Micros) -> Result<bool> {
        let end = sqlx::query(END).bind(set).bind(SetState::Withheld).bind(at);
        Ok(end.execute(&self.writer).await?.rows_affected() > 0)
    }
}

const END: &str = "UPDATE build_set SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'open'";

impl Tx {
    /// Ends an open set, and releases these of its builds. `false`: somebody else ended it.
    pub async fn publish_set(&mut self, set: i64, released: &[BuildId]) -> Result<bool> {
        let end = sqlx::query(END).bind(set).bind(SetState::Published).bind(self.now);
        if end.execute(&mut *self.tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        for build in released {
            let release = "UPDATE build_set_member SET released = 1 WHERE build_set = $1 AND build = $2";
            sqlx::query(release).bind(set).bind(build).execute(&mut *self.tx).await?;
        }
        Ok(true)
    }

    /// Makes an open set, whose id is this transaction's serial.
    pub async fn create_set(
        &mut self,
        index: &IndexName,
        (because, keep_going): (&str, bool),
        asked_by: &str,
        members: &[NewMember],
    ) -> Result<()> {
        let set = "INSERT INTO build_set (id, index_name, because, keep_going, state, asked_by, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(set)
            .bind(self.serial)
            .bind(index)
            .bind(because)
            .bind(i64::from(keep_going))
            .bind(SetState::Open)
            .bind(asked_by)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        for member in members {
            let add = "INSERT INTO build_set_member (build_set, build, replaces, was, doubted, released) \
                VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (build_set, build) DO NOTHING";
            sqlx::query(add)
                .bind(self.serial)
                .bind(member.build)
                .bind(member.replaces)
                .bind(&member.was)
                .bind(i64::from(member.doubted))
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}

//! Builds as rows: made, found, listed, joined by whoever asks again.
//!
//! Most changes of a build's state are single statements without an event: nothing that is kept in
//! memory depends on them. That a person asked for a build, or for it to run again, is an event.

mod askers;
mod days;
mod ends;
mod failed;
mod leases;
mod log;
mod needs;
mod row;
mod times;
mod unfinished;

pub use days::{BUILD_BOUNDS, BuildDay, BuildTimes};
pub use ends::Ending;
pub use failed::FailedBuild;
pub use leases::{Claim, Reclaimed, Unfetched};
pub use log::Appended;
pub use needs::{Blocked, Edge};
pub use row::{Build, BuildId, BuiltWheel};
pub use unfinished::{TimedBuild, UnfinishedBuild};

use super::{Db, Tx};
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::packaging::version;
use crate::tools::request_id::RequestId;
use crate::tools::time::Micros;
use crate::words::{BuildState, Class, Purpose};
pub(super) use leases::in_list;
use row::{build, select};
use sqlx::AnyConnection;

/// Spellings of one version that are looked for.
const MOST_SPELLINGS: usize = 100;

/// Which builds a list is of; `None` means any. By default those of wheels.
#[derive(Clone, Debug)]
pub struct Filter {
    pub state: Option<BuildState>,
    /// Those alone that did not begin yet: that fetch their source, are queued or need others first.
    pub waiting: bool,
    pub project: Option<ProjectName>,
    /// In any spelling.
    pub version: Option<String>,
    pub target: Option<String>,
    pub class: Option<Class>,
    pub context: Option<BuildContext>,
    pub purpose: Option<Purpose>,
    /// For this index: it owns the source, or gets the wheel.
    pub index: Option<IndexName>,
    /// Older ones than this.
    pub before: Option<BuildId>,
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            state: None,
            waiting: false,
            project: None,
            version: None,
            target: None,
            class: None,
            context: None,
            purpose: Some(Purpose::Wheel),
            index: None,
            before: None,
            limit: 0,
        }
    }
}

impl Db {
    pub async fn build(&self, id: i64) -> Result<Option<Build>> {
        let query = sqlx::query(select("WHERE id = $1")).bind(id);
        query.fetch_optional(&self.pool).await?.as_ref().map(build).transpose()
    }

    pub async fn build_by_key(&self, key: &str) -> Result<Option<Build>> {
        let query = sqlx::query(select("WHERE key = $1")).bind(key);
        query.fetch_optional(&self.pool).await?.as_ref().map(build).transpose()
    }

    /// The running build whose context this credential reads.
    pub async fn build_by_secret(&self, secret_sha256: &str) -> Result<Option<Build>> {
        let query = sqlx::query(select("WHERE secret_sha256 = $1 AND state = 'running'")).bind(secret_sha256);
        query.fetch_optional(&self.pool).await?.as_ref().map(build).transpose()
    }

    /// The newest builds that fit, newest first.
    pub async fn builds(&self, filter: &Filter) -> Result<Vec<Build>> {
        let spelt = match &filter.version {
            Some(version) => self.spellings(filter.project.as_ref(), version).await?,
            None => Vec::new(),
        };
        let versions = match (&filter.version, spelt.len()) {
            (None, _) => String::new(),
            (Some(_), 0) => return Ok(Vec::new()),
            (Some(_), count) => format!("AND version IN ({})", in_list(count, 11)),
        };
        let rest = format!(
            "WHERE ($1 = '' OR state = $1) AND ($2 = '' OR project = $2) AND ($3 = '' OR purpose = $3) \
                    AND ($4 = '' OR target = $4) AND ($5 = '' OR class = $5) AND ($6 = '' OR context = $6) \
                    AND ($7 = 0 OR state IN ('fetching', 'queued', 'blocked')) AND ($8 = '' OR context = $8 OR EXISTS \
                    (SELECT 1 FROM build_for WHERE build_for.build = build.id AND index_name = $8)) \
                    AND id < $9 {versions} ORDER BY id DESC LIMIT $10"
        );
        let mut query = sqlx::query(select(&rest))
            .bind(filter.state.map_or("", BuildState::name))
            .bind(filter.project.as_ref().map_or("", ProjectName::as_str))
            .bind(filter.purpose.map_or("", Purpose::name))
            .bind(filter.target.as_deref().unwrap_or_default())
            .bind(filter.class.map_or("", Class::name))
            .bind(filter.context.as_ref().map_or("", BuildContext::as_str))
            .bind(i64::from(filter.waiting))
            .bind(filter.index.as_ref().map_or("", IndexName::as_str))
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(i64::from(filter.limit));
        for version in spelt {
            query = query.bind(version);
        }
        query.fetch_all(&self.pool).await?.iter().map(build).collect()
    }

    /// How a version is spelt in builds: `1.0` is `1.0.0` and `v1`. What is no version is itself.
    async fn spellings(&self, project: Option<&ProjectName>, version: &str) -> Result<Vec<String>> {
        let query =
            "SELECT DISTINCT version FROM build WHERE version IS NOT NULL AND ($1 = '' OR project = $1)";
        let known: Vec<String> = sqlx::query_scalar(query)
            .bind(project.map_or("", ProjectName::as_str))
            .fetch_all(&self.pool)
            .await?;
        let asked = version::parse(version);
        let same = |spelt: &String| spelt == version || asked.is_some() && version::parse(spelt) == asked;
        Ok(known.into_iter().filter(same).take(MOST_SPELLINGS).collect())
    }

    /// Takes back somebody's wish for a build. `false`: they had none.
    pub async fn leave_build(&self, id: i64, who: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM build_asker WHERE build = $1 AND account = $2");
        Ok(query.bind(id).bind(who).execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Those who want a build: accounts, and labels that are no account's (`:anonymous`, `build:12`).
    pub async fn build_askers(&self, id: i64) -> Result<Vec<String>> {
        let query = sqlx::query_scalar("SELECT account FROM build_asker WHERE build = $1 ORDER BY account");
        Ok(query.bind(id).fetch_all(&self.pool).await?)
    }

    /// Somebody asks for a build that exists: it counts for them too, and is not less urgent than
    /// they are.
    pub async fn join_build(
        &self,
        id: i64,
        priority: i64,
        account: Option<&str>,
        index: Option<&IndexName>,
    ) -> Result<()> {
        sqlx::query(RAISE).bind(id).bind(priority).execute(&self.writer).await?;
        let mut connection = self.writer.acquire().await?;
        remember_asker(&mut connection, id, account, index).await
    }

    /// How many builds of a purpose are in each state, and how many failed with each class.
    pub async fn build_counts(&self, purpose: Purpose) -> Result<Vec<(BuildState, Option<Class>, i64)>> {
        let query = "SELECT state, class, count(*) FROM build WHERE purpose = $1 \
             GROUP BY state, class ORDER BY state, class";
        Ok(sqlx::query_as(query).bind(purpose).fetch_all(&self.pool).await?)
    }

    /// Remembers that an account uploaded a source.
    pub async fn keep_source(
        &self,
        sha256: &str,
        account: &str,
        filename: &str,
        size: u64,
        at: Micros,
    ) -> Result<()> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let keep = sqlx::query(KEEP_SOURCE).bind(sha256).bind(account).bind(filename).bind(size).bind(at);
        keep.execute(&self.writer).await?;
        self.source_is_back(sha256).await
    }

    /// The file name under which an account uploaded a source.
    pub async fn uploaded_source(&self, sha256: &str, account: &str) -> Result<Option<String>> {
        let query = "SELECT filename FROM build_source WHERE sha256 = $1 AND account = $2";
        Ok(sqlx::query_scalar(query).bind(sha256).bind(account).fetch_optional(&self.pool).await?)
    }
}

const KEEP_SOURCE: &str = "INSERT INTO build_source (sha256, account, filename, size, uploaded_at) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sha256, account) DO UPDATE SET filename = excluded.filename, \
    uploaded_at = excluded.uploaded_at";

impl Tx {
    /// Remembers that an account uploaded a source, as [`Db::keep_source`] does.
    pub async fn keep_source(
        &mut self,
        sha256: &str,
        account: &str,
        filename: &str,
        size: u64,
    ) -> Result<()> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let keep = sqlx::query(KEEP_SOURCE).bind(sha256).bind(account).bind(filename).bind(size);
        keep.bind(self.now).execute(&mut *self.tx).await?;
        sqlx::query(super::collect::SOURCE_IS_BACK).bind(sha256).execute(&mut *self.tx).await?;
        Ok(())
    }
}

/// The id of the request that asks for a build now.
fn request() -> Option<String> {
    RequestId::current().map(|id| id.to_string())
}

const RAISE: &str = "UPDATE build SET priority = $2 WHERE id = $1 AND priority > $2";

async fn remember_asker(
    connection: &mut AnyConnection,
    id: i64,
    account: Option<&str>,
    index: Option<&IndexName>,
) -> Result<()> {
    if let Some(account) = account {
        sqlx::query("INSERT INTO build_asker (build, account) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id)
            .bind(account)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(index) = index {
        let query = "INSERT INTO build_for (build, index_name) VALUES ($1, $2) ON CONFLICT (build, index_name) DO NOTHING";
        sqlx::query(query).bind(id).bind(index).execute(connection).await?;
    }
    Ok(())
}

impl Tx {
    /// As [`Db::join_build`].
    pub async fn join_build(
        &mut self,
        id: i64,
        (priority, account): (i64, &str),
        index: Option<&IndexName>,
    ) -> Result<()> {
        sqlx::query(RAISE).bind(id).bind(priority).execute(&mut *self.tx).await?;
        remember_asker(&mut self.tx, id, Some(account), index).await
    }

    /// Makes a build, whose id is this transaction's serial. `false`: there is one with this key.
    pub async fn create_build(
        &mut self,
        new: &Build,
        account: Option<&str>,
        index: Option<&IndexName>,
    ) -> Result<bool> {
        let made = sqlx::query(
            "INSERT INTO build (id, key, purpose, context, given, project, version, source, source_sha256, place, target, \
             recipe, recipe_sha256, tools, platform_expected, state, priority, fence, losses, rounds, log_size, \
             asked_by, created_at, claim, trial, because, tried, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
             $17, 0, 0, 0, 0, $18, $19, $20, $21, $22, $23, $24) ON CONFLICT (key) DO NOTHING",
        )
        .bind(self.serial)
        .bind(&new.key)
        .bind(new.purpose)
        .bind(&new.context)
        .bind(i64::from(new.given))
        .bind(&new.project)
        .bind(&new.version)
        .bind(&new.source)
        .bind(&new.source_sha256)
        .bind(&new.place)
        .bind(&new.target)
        .bind(&new.recipe)
        .bind(&new.recipe_sha256)
        .bind(&new.tools)
        .bind(i64::from(new.platform_expected))
        .bind(new.state)
        .bind(new.priority)
        .bind(&new.asked_by)
        .bind(self.now)
        .bind(&new.claim)
        .bind(i64::from(new.trial))
        .bind(&new.because)
        .bind(&new.tried)
        .bind(request())
        .execute(&mut *self.tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        remember_asker(&mut self.tx, self.serial, account, index).await?;
        Ok(true)
    }

    /// A person asks for a build that has ended to run again, by the recipe and with the tools of now:
    /// everything that is known of its last run goes. `false`: it has not ended, or with this key
    /// there is another.
    pub async fn reset_build(&mut self, known: &Build, priority: i64) -> Result<bool> {
        let id = known.id;
        let reset = sqlx::query(
            "UPDATE build SET state = CASE WHEN source_sha256 IS NULL THEN 'fetching' ELSE 'queued' END, \
             priority = $2, losses = 0, rounds = 0, worker = NULL, lease_until = NULL, secret_sha256 = NULL, \
             step = NULL, class = NULL, hint = NULL, line = NULL, wheel = NULL, wheel_sha256 = NULL, \
             wheel_size = NULL, metadata_sha256 = NULL, evidence = NULL, log_size = 0, log_sha256 = NULL, \
             started_at = NULL, ended_at = NULL, key = $3, recipe = $4, recipe_sha256 = $5, tools = $6, \
             asked_at = $7, request = $8 WHERE id = $1 AND state IN ('failed', 'built') \
             AND NOT EXISTS (SELECT 1 FROM build WHERE key = $3 AND id <> $1)",
        )
        .bind(id)
        .bind(priority)
        .bind(&known.key)
        .bind(&known.recipe)
        .bind(&known.recipe_sha256)
        .bind(&known.tools)
        .bind(self.now)
        .bind(request())
        .execute(&mut *self.tx)
        .await?;
        if reset.rows_affected() == 0 {
            return Ok(false);
        }
        for query in [
            "DELETE FROM build_log WHERE build = $1",
            "DELETE FROM build_need WHERE build = $1",
            "UPDATE build_for SET published_at = NULL WHERE build = $1",
        ] {
            sqlx::query(query).bind(id).execute(&mut *self.tx).await?;
        }
        Ok(true)
    }
}

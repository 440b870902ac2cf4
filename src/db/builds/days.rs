//! Builds that ended, added up by day: what is known of them after their rows are gone.

use crate::db::Db;
use crate::error::Result;
use crate::words::{BuildState, Class, Purpose};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

/// Builds with one outcome on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildDay {
    /// Since 1970, UTC.
    pub day: i64,
    pub outcome: BuildState,
    /// Of those that failed; `None` also for a class that this version does not know.
    pub class: Option<Class>,
    pub count: i64,
    /// Those that a worker began, and the microseconds that they took, all together.
    pub ran: i64,
    pub micros: i64,
}

/// Upper bounds of the buckets in which the times of builds are counted, in seconds.
pub const BUILD_BOUNDS: [u64; 9] = [1, 5, 15, 60, 180, 600, 1800, 3600, 7200];

/// How long the builds with one outcome took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildTimes {
    pub state: BuildState,
    pub count: i64,
    /// All together.
    pub micros: i64,
    /// How many took at most each of [`BUILD_BOUNDS`].
    pub at_most: Vec<i64>,
}

/// Rows of days that are read at once: some for each day.
const MOST: i64 = 50_000;

fn columns() -> Vec<String> {
    BUILD_BOUNDS.iter().map(|bound| format!("at_most_{bound}")).collect()
}

impl Db {
    /// The builds of wheels since a day, by day, outcome and class.
    pub async fn build_days(&self, since: i64) -> Result<Vec<BuildDay>> {
        let query = "SELECT day, outcome, class, count, ran, micros FROM build_day \
            WHERE purpose = $1 AND day >= $2 ORDER BY day, outcome, class LIMIT $3";
        let rows =
            sqlx::query(query).bind(Purpose::Wheel).bind(since).bind(MOST).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| {
            Ok(BuildDay {
                day: row.try_get("day")?,
                outcome: row.try_get("outcome")?,
                class: Class::parse(row.try_get("class")?),
                count: row.try_get("count")?,
                ran: row.try_get("ran")?,
                micros: row.try_get("micros")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// By outcome: how many builds of wheels ran to their end, ever, and the microseconds that they took, all together.
    pub async fn build_times(&self) -> Result<Vec<BuildTimes>> {
        let buckets = columns().iter().map(|name| format!("cast(sum({name}) AS bigint)")).collect::<Vec<_>>();
        let query = format!(
            "SELECT outcome, cast(sum(ran) AS bigint), cast(sum(micros) AS bigint), {} FROM build_day \
             WHERE purpose = 'wheel' AND class <> 'cancelled' GROUP BY outcome HAVING sum(ran) > 0 ORDER BY outcome",
            buckets.join(", ")
        );
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&self.pool).await?;
        let times = |row: &AnyRow| {
            let at_most = (0..BUILD_BOUNDS.len()).map(|at| row.try_get(at + 3));
            Ok(BuildTimes {
                state: row.try_get(0)?,
                count: row.try_get(1)?,
                micros: row.try_get(2)?,
                at_most: at_most.collect::<sqlx::Result<_>>()?,
            })
        };
        rows.iter().map(times).collect()
    }
}

/// Adds a build to its day that has just ended, in the same transaction.
pub(super) async fn count_end(connection: &mut AnyConnection, id: i64) -> Result<()> {
    let took = "ended_at - started_at";
    let within = BUILD_BOUNDS
        .iter()
        .map(|bound| format!("CASE WHEN {took} <= {} THEN 1 ELSE 0 END", bound.saturating_mul(1_000_000)));
    let counted: Vec<String> =
        ["count", "ran", "micros"].map(str::to_owned).into_iter().chain(columns()).collect();
    let add: Vec<String> =
        counted.iter().map(|name| format!("{name} = build_day.{name} + excluded.{name}")).collect();
    let query = format!(
        "INSERT INTO build_day (day, purpose, outcome, class, {}) SELECT ended_at / 86400000000, purpose, state, \
         coalesce(class, ''), 1, CASE WHEN started_at IS NULL THEN 0 ELSE 1 END, coalesce({took}, 0), {} \
         FROM build WHERE id = $1 AND ended_at IS NOT NULL \
         ON CONFLICT (day, purpose, outcome, class) DO UPDATE SET {}",
        counted.join(", "),
        within.collect::<Vec<_>>().join(", "),
        add.join(", ")
    );
    sqlx::query(AssertSqlSafe(query)).bind(id).execute(connection).await?;
    Ok(())
}

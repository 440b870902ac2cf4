//! How each server was in each minute of the last day.

use super::Db;
use super::rows::row;
use crate::error::Result;
use crate::tools::time::Micros;

/// A row of `measure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    pub node: String,
    pub at: Micros,
    /// JSON of `app::measures::Sample`.
    pub sample: String,
}

row!(Measure of measure { node, at, sample });

/// Rows that are read at once: a day of some servers.
const MOST: i64 = 20_000;

impl Db {
    /// Adds a row, and forgets those of all servers before `forget`.
    pub async fn add_measure(&self, new: &Measure, forget: Micros) -> Result<()> {
        let mut tx = self.quiet().await?;
        let add = "INSERT INTO measure (node, at, sample) VALUES ($1, $2, $3) \
            ON CONFLICT (node, at) DO UPDATE SET sample = excluded.sample";
        sqlx::query(add).bind(&new.node).bind(new.at).bind(&new.sample).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM measure WHERE at < $1").bind(forget).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What was measured since, the oldest first; of more than is read at once, the newest.
    pub async fn measures(&self, since: Micros) -> Result<Vec<Measure>> {
        let rows = Measure::select("WHERE at >= $1 ORDER BY at DESC, node LIMIT $2").bind(since).bind(MOST);
        let mut measures = rows.fetch_all(&self.pool).await?;
        measures.reverse();
        Ok(measures)
    }

    /// The newest row of each server.
    pub async fn newest_measures(&self) -> Result<Vec<Measure>> {
        let rest =
            "WHERE at = (SELECT max(at) FROM measure other WHERE other.node = measure.node) ORDER BY node";
        Ok(Measure::select(rest).fetch_all(&self.pool).await?)
    }
}

//! Who builds: workers, what they offer, and when each was last heard of.

use super::Db;
use super::rows::row;
use crate::error::Result;
use crate::tools::time::Micros;

/// A row of `worker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWorker {
    pub name: String,
    /// Account whose credential it came with.
    pub owner: String,
    /// JSON of `build::job::WorkerDescription`.
    pub description: String,
    /// Why it builds nothing at present.
    pub off: Option<String>,
    pub seen_at: Micros,
}

row!(StoredWorker of worker { name, owner, description, off = building, seen_at });

impl Db {
    /// Registers a worker, or what it says of itself now, in place of `known`. `false`: what is known
    /// is something else by now.
    pub async fn put_worker(&self, new: &StoredWorker, known: Option<&StoredWorker>) -> Result<bool> {
        let query = match known {
            None => {
                "INSERT INTO worker (name, owner, description, building, seen_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (name) DO NOTHING"
            }
            Some(_) => {
                "UPDATE worker SET owner = $2, description = $3, building = $4, seen_at = $5 \
                 WHERE name = $1 AND owner = $6 AND description = $7 AND seen_at = $8"
            }
        };
        let mut query =
            sqlx::query(query).bind(&new.name).bind(&new.owner).bind(&new.description).bind(&new.off);
        query = query.bind(new.seen_at);
        if let Some(known) = known {
            query = query.bind(&known.owner).bind(&known.description).bind(known.seen_at);
        }
        Ok(query.execute(&self.writer).await?.rows_affected() > 0)
    }

    pub async fn worker(&self, name: &str) -> Result<Option<StoredWorker>> {
        Ok(StoredWorker::select("WHERE name = $1").bind(name).fetch_optional(&self.pool).await?)
    }

    /// Workers that were heard of since `since`, by name.
    pub async fn workers(&self, since: Micros) -> Result<Vec<StoredWorker>> {
        let workers = StoredWorker::select("WHERE seen_at >= $1 ORDER BY name").bind(since);
        Ok(workers.fetch_all(&self.pool).await?)
    }

    /// A worker was heard of.
    pub async fn touch_worker(&self, name: &str, at: Micros) -> Result<()> {
        let query = "UPDATE worker SET seen_at = $2 WHERE name = $1 AND seen_at < $2";
        sqlx::query(query).bind(name).bind(at).execute(&self.writer).await?;
        Ok(())
    }

    /// Forgets workers that were not heard of since `before`.
    pub async fn forget_workers(&self, before: Micros) -> Result<()> {
        sqlx::query("DELETE FROM worker WHERE seen_at < $1").bind(before).execute(&self.writer).await?;
        Ok(())
    }
}

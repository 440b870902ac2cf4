//! Builds that wait for builds.

use crate::db::Db;
use crate::error::Result;
use std::collections::BTreeMap;

/// `build` waits for `needs`, because of `requirement` (empty: both are the same).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub build: i64,
    pub needs: i64,
    pub requirement: String,
}

impl Db {
    /// Blocks a running build until others are built, and frees its slot. Gives the way round if one
    /// of them waits, directly or not, for this very build: from the need back to `id`. `None` as
    /// lease if it is lost.
    pub async fn block_build(&self, id: i64, fence: i64, edges: &[Edge]) -> Result<Blocked> {
        let mut tx = self.quiet().await?;
        // Whoever adds edges holds this row: of two that would close a circle, the second sees it.
        sqlx::query("UPDATE clock SET serial = serial WHERE id = 1").execute(&mut *tx).await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT n.build, n.needs FROM build_need n JOIN build b ON b.id = n.build WHERE b.state = 'blocked'",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut graph: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (build, needs) in rows {
            graph.entry(build).or_default().push(needs);
        }
        if let Some(chain) = edges.iter().find_map(|edge| way(&graph, edge.needs, id)) {
            return Ok(Blocked::Circle(chain));
        }
        let block = "UPDATE build SET state = 'blocked', rounds = rounds + 1, worker = NULL, lease_until = NULL, \
             secret_sha256 = NULL, step = NULL, started_at = NULL WHERE id = $1 AND fence = $2 AND state IN ('running', 'fetching')";
        let blocked = sqlx::query(block).bind(id).bind(fence).execute(&mut *tx).await?;
        if blocked.rows_affected() == 0 {
            return Ok(Blocked::Lost);
        }
        for edge in edges {
            sqlx::query(
                "INSERT INTO build_need (build, needs, requirement) VALUES ($1, $2, $3) \
                 ON CONFLICT (build, needs) DO UPDATE SET requirement = excluded.requirement",
            )
            .bind(id)
            .bind(edge.needs)
            .bind(&edge.requirement)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Blocked::Waits)
    }

    /// A build whose needs exist by now runs on, at once. `false`: the lease is lost.
    pub async fn requeue_build(&self, id: i64, fence: i64) -> Result<bool> {
        let query = "UPDATE build SET state = 'queued', rounds = rounds + 1, worker = NULL, lease_until = NULL, \
             secret_sha256 = NULL, step = NULL, started_at = NULL WHERE id = $1 AND fence = $2 AND state = 'running'";
        Ok(sqlx::query(query).bind(id).bind(fence).execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Frees every blocked build whose needs have all ended, well or not: its worker is told which failed,
    /// and may know another way. Their ids.
    pub async fn free_builds(&self) -> Result<Vec<i64>> {
        let freed = sqlx::query_scalar(
            "UPDATE build SET state = 'queued' WHERE state = 'blocked' AND NOT EXISTS (SELECT 1 FROM build_need n \
             JOIN build o ON o.id = n.needs WHERE n.build = build.id AND (o.state NOT IN ('built', 'failed') OR n.requirement = '')) \
             RETURNING id",
        );
        Ok(freed.fetch_all(&self.writer).await?)
    }

    /// Builds that have ended, and that blocked ones turned out to be the same as.
    pub async fn ended_twins(&self) -> Result<Vec<i64>> {
        let query = "SELECT DISTINCT n.needs FROM build_need n JOIN build b ON b.id = n.build \
             JOIN build o ON o.id = n.needs WHERE b.state = 'blocked' AND n.requirement = '' \
             AND o.state IN ('built', 'failed')";
        Ok(sqlx::query_scalar(query).fetch_all(&self.pool).await?)
    }

    /// What a build waits for, or waited for.
    pub async fn build_needs(&self, id: i64) -> Result<Vec<Edge>> {
        let query = "SELECT build, needs, requirement FROM build_need WHERE build = $1 ORDER BY needs";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(query).bind(id).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(edge).collect())
    }

    /// Who waits, or waited, for a build.
    pub async fn build_needed_by(&self, id: i64) -> Result<Vec<Edge>> {
        let query = "SELECT build, needs, requirement FROM build_need WHERE needs = $1 ORDER BY build";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(query).bind(id).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(edge).collect())
    }
}

fn edge((build, needs, requirement): (i64, i64, String)) -> Edge {
    Edge { build, needs, requirement }
}

/// What became of [`Db::block_build`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    Waits,
    /// Ids from the need back to the build itself.
    Circle(Vec<i64>),
    /// The lease is lost.
    Lost,
}

/// The way from one build to another along what they wait for, both included.
fn way(graph: &BTreeMap<i64, Vec<i64>>, from: i64, to: i64) -> Option<Vec<i64>> {
    let mut came: BTreeMap<i64, Option<i64>> = BTreeMap::from([(from, None)]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            let mut path = vec![at];
            let mut step = came.get(&at).copied().flatten();
            while let Some(before) = step {
                path.push(before);
                step = came.get(&before).copied().flatten();
            }
            path.reverse();
            return Some(path);
        }
        for next in graph.get(&at).into_iter().flatten() {
            came.entry(*next).or_insert_with(|| {
                open.push(*next);
                Some(at)
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_round_is_found_and_told_in_order() {
        let graph = BTreeMap::from([(1, vec![2, 3]), (3, vec![4]), (4, vec![5])]);
        assert_eq!(way(&graph, 1, 5), Some(vec![1, 3, 4, 5]));
        assert_eq!(way(&graph, 2, 5), None);
        assert_eq!(way(&graph, 7, 7), Some(vec![7]), "a build that needs itself");
    }
}

//! The log of a build that runs: pieces at offsets, each fitting to the one before.

use crate::db::Db;
use crate::error::Result;

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The log has this many bytes now.
    To(u64),
    /// The piece does not begin where the log ends.
    Elsewhere(u64),
    /// The lease is lost.
    Lost,
}

fn whole(size: i64) -> u64 {
    u64::try_from(size).unwrap_or(0)
}

impl Db {
    /// Appends a piece of log under a lease, if the log has exactly `at` bytes.
    pub async fn append_log(&self, id: i64, fence: i64, at: u64, text: &[u8]) -> Result<Appended> {
        let end = at.saturating_add(text.len() as u64);
        let (from, to) = (i64::try_from(at).unwrap_or(i64::MAX), i64::try_from(end).unwrap_or(i64::MAX));
        let mut tx = self.quiet().await?;
        let grow = "UPDATE build SET log_size = $4 WHERE id = $1 AND fence = $2 AND state = 'running' AND log_size = $3";
        let grown = sqlx::query(grow).bind(id).bind(fence).bind(from).bind(to).execute(&mut *tx).await?;
        if grown.rows_affected() == 0 {
            tx.rollback().await?;
            let query = "SELECT log_size FROM build WHERE id = $1 AND fence = $2 AND state = 'running'";
            let size: Option<i64> =
                sqlx::query_scalar(query).bind(id).bind(fence).fetch_optional(&self.pool).await?;
            return Ok(size.map_or(Appended::Lost, |size| Appended::Elsewhere(whole(size))));
        }
        let insert = "INSERT INTO build_log (build, at, text) VALUES ($1, $2, $3) \
             ON CONFLICT (build, at) DO UPDATE SET text = excluded.text";
        sqlx::query(insert).bind(id).bind(from).bind(text.to_vec()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Appended::To(end))
    }

    /// Up to `limit` pieces from the one at `at` on, with their offsets.
    pub async fn log_pieces(&self, id: i64, at: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>> {
        let query = "SELECT at, text FROM build_log WHERE build = $1 AND at >= $2 ORDER BY at LIMIT $3";
        self.pieces(query, (id, at, limit)).await
    }

    /// Up to `limit` pieces from the one that has the byte at `at` on, with their offsets.
    pub async fn log_pieces_around(&self, id: i64, at: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>> {
        let query = "SELECT at, text FROM build_log WHERE build = $1 AND at >= coalesce((SELECT max(at) \
            FROM build_log WHERE build = $1 AND at <= $2), 0) ORDER BY at LIMIT $3";
        self.pieces(query, (id, at, limit)).await
    }

    async fn pieces(
        &self,
        query: &'static str,
        (id, at, limit): (i64, u64, u32),
    ) -> Result<Vec<(u64, Vec<u8>)>> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(query)
            .bind(id)
            .bind(i64::try_from(at).unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|(at, text)| (whole(at), text)).collect())
    }

    /// The pieces were joined into a blob.
    pub async fn drop_log_pieces(&self, id: i64) -> Result<()> {
        sqlx::query("DELETE FROM build_log WHERE build = $1").bind(id).execute(&self.writer).await?;
        Ok(())
    }
}

//! Identities of files from before they had one, filled in once.

use crate::error::Result;
use crate::packaging::filename::identity;
use sqlx::AnyPool;

/// The fact that says it is done.
const DONE: &str = "file identities";

/// Gives every upload its identity. Of two that are one by today's rules the older one gets it; the
/// other stays listed, under an identity that nothing else can have.
pub(super) async fn fill(pool: &AnyPool) -> Result<()> {
    let done: Option<String> =
        sqlx::query_scalar("SELECT value FROM fact WHERE name = $1").bind(DONE).fetch_optional(pool).await?;
    if done.is_some() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    // Writes first, so that two processes that start at once queue here.
    sqlx::query("UPDATE clock SET serial = serial WHERE id = 1").execute(&mut *tx).await?;
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT index_name, filename FROM file WHERE url IS NULL AND identity IS NULL \
         ORDER BY index_name, uploaded_at, filename",
    )
    .fetch_all(&mut *tx)
    .await?;
    for (index, filename) in rows {
        let plain = identity(&filename);
        let taken: Option<String> =
            sqlx::query_scalar("SELECT filename FROM file WHERE index_name = $1 AND identity = $2")
                .bind(&index)
                .bind(&plain)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(taken) = &taken {
            tracing::warn!(
                index,
                filename,
                taken,
                "two uploads are the same file in two spellings; keeping both"
            );
        }
        let own = taken.map_or(plain.clone(), |_| format!("{plain} {filename}"));
        sqlx::query("UPDATE file SET identity = $3 WHERE index_name = $1 AND filename = $2")
            .bind(&index)
            .bind(&filename)
            .bind(own)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("INSERT INTO fact (name, value) VALUES ($1, 'filled') ON CONFLICT (name) DO NOTHING")
        .bind(DONE)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

//! Programs that wait for somebody to let them in.

use super::rows::{flag, row, unsigned};
use super::{Db, Tx};
use crate::error::Result;
use crate::tools::time::{Micros, now};

/// A row of `handover`.
#[derive(Clone, Debug)]
pub struct StoredHandover {
    pub code: String,
    /// What the program calls itself.
    pub name: String,
    pub address: String,
    pub created_at: Micros,
    pub expires_at: Micros,
    /// Who decided; `None`: nobody yet.
    pub owner: Option<String>,
    /// How long the token holds; `None`: until it is revoked.
    pub seconds: Option<u64>,
    pub refused: bool,
}

row!(StoredHandover of handover {
    code, name, address, created_at, expires_at, owner, seconds by unsigned, refused by flag
});

/// How many may wait at once, in all and of one network.
#[derive(Clone, Copy, Debug)]
pub struct HandoverRoom {
    pub all: i64,
    pub network: i64,
}

impl Db {
    /// The one with this code, unless its time is over.
    pub async fn handover(&self, code: &str) -> Result<Option<StoredHandover>> {
        let open = StoredHandover::select("WHERE code = $1 AND expires_at > $2").bind(code).bind(now());
        Ok(open.fetch_optional(&self.pool).await?)
    }

    /// The one with this secret, whatever became of it.
    pub async fn handover_by_secret(&self, secret_sha256: &str) -> Result<Option<StoredHandover>> {
        let known = StoredHandover::select("WHERE secret_sha256 = $1").bind(secret_sha256);
        Ok(known.fetch_optional(&self.pool).await?)
    }

    /// Adds one, if there is room, and forgets those whose time is over. No event: nothing happened yet.
    pub async fn add_handover(
        &self,
        new: &StoredHandover,
        network: &str,
        secret_sha256: &str,
        room: HandoverRoom,
    ) -> Result<bool> {
        let mut tx = self.quiet().await?;
        let over = sqlx::query("DELETE FROM handover WHERE expires_at <= $1");
        over.bind(new.created_at).execute(&mut *tx).await?;
        let counts = "SELECT count(*), count(CASE WHEN network = $1 THEN 1 END) FROM handover";
        let (all, own): (i64, i64) = sqlx::query_as(counts).bind(network).fetch_one(&mut *tx).await?;
        let fits = all < room.all && own < room.network;
        if fits {
            sqlx::query(
                "INSERT INTO handover (secret_sha256, code, name, address, network, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(secret_sha256)
            .bind(&new.code)
            .bind(&new.name)
            .bind(&new.address)
            .bind(network)
            .bind(new.created_at)
            .bind(new.expires_at)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(fits)
    }

    /// Notes what somebody decided; `false`: somebody did before, or its time is over. No event: the token that comes of it
    /// leaves one.
    pub async fn decide_handover(
        &self,
        code: &str,
        owner: &str,
        refused: bool,
        seconds: Option<i64>,
    ) -> Result<bool> {
        let change = "UPDATE handover SET owner = $2, refused = $3, seconds = $4 \
             WHERE code = $1 AND owner IS NULL AND expires_at > $5";
        let change = sqlx::query(change).bind(code).bind(owner).bind(i64::from(refused)).bind(seconds);
        Ok(change.bind(now()).execute(&self.writer).await?.rows_affected() > 0)
    }
}

impl Tx {
    /// Takes one away that was let in and whose time is not over: only one process gets it.
    pub async fn take_handover(&mut self, secret_sha256: &str) -> Result<bool> {
        let taken = "DELETE FROM handover WHERE secret_sha256 = $1 AND owner IS NOT NULL AND refused = 0 \
             AND expires_at > $2";
        let taken = sqlx::query(taken).bind(secret_sha256).bind(self.now).execute(&mut *self.tx).await?;
        Ok(taken.rows_affected() > 0)
    }
}

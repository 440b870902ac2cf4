//! API tokens and login sessions; only the sha256 of a secret is kept.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::tools::time::Micros;
use crate::words::TokenKind;

/// A row of `token`.
#[derive(Clone, Debug)]
pub struct StoredToken {
    pub id: String,
    pub owner: String,
    pub kind: TokenKind,
    pub name: String,
    /// JSON of `access::Scope`
    pub scope: String,
    pub created_at: Micros,
    pub expires_at: Option<Micros>,
    pub revoked_at: Option<Micros>,
    pub last_used_at: Option<Micros>,
    /// The publisher that got it.
    pub publisher: Option<String>,
}

row!(StoredToken of token {
    id, owner, kind, name, scope, created_at, expires_at, revoked_at, last_used_at, publisher
});

impl Db {
    /// The token with this secret, valid or not.
    pub async fn token_by_secret(&self, secret_sha256: &str) -> Result<Option<StoredToken>> {
        let token = StoredToken::select("WHERE secret_sha256 = $1").bind(secret_sha256);
        Ok(token.fetch_optional(&self.pool).await?)
    }

    /// The API tokens of one owner, or of all; revoked ones are left out.
    pub async fn api_tokens(&self, owner: Option<&str>) -> Result<Vec<StoredToken>> {
        let rest =
            "WHERE kind = 'api' AND revoked_at IS NULL AND ($1 = '' OR owner = $1) ORDER BY created_at";
        Ok(StoredToken::select(rest).bind(owner.unwrap_or("")).fetch_all(&self.pool).await?)
    }

    /// The login sessions of an account that hold, the newest first; a hundred at most.
    pub async fn sessions(&self, owner: &str) -> Result<Vec<StoredToken>> {
        let rest =
            "WHERE kind = 'session' AND owner = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 100";
        let now = crate::tools::time::now();
        Ok(StoredToken::select(rest).bind(owner).bind(now).fetch_all(&self.pool).await?)
    }

    /// Valid API tokens of people that end before this and were not told of; a thousand at most.
    pub async fn ending_tokens(&self, before: Micros) -> Result<Vec<StoredToken>> {
        let rest = "WHERE kind = 'api' AND publisher IS NULL AND revoked_at IS NULL AND told_at IS NULL \
            AND expires_at < $1 AND expires_at > $2 ORDER BY expires_at LIMIT 1000";
        let now = crate::tools::time::now();
        Ok(StoredToken::select(rest).bind(before).bind(now).fetch_all(&self.pool).await?)
    }

    /// Remembers that a token was used. No event: nothing depends on it.
    pub async fn touch_token(&self, id: &str, at: Micros) -> Result<()> {
        sqlx::query("UPDATE token SET last_used_at = $2 WHERE id = $1")
            .bind(id)
            .bind(at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

impl Tx {
    pub async fn token(&mut self, id: &str) -> Result<Option<StoredToken>> {
        Ok(StoredToken::select("WHERE id = $1").bind(id).fetch_optional(&mut *self.tx).await?)
    }

    pub async fn create_token(&mut self, new: &StoredToken, secret_sha256: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO token (id, owner, kind, name, secret_sha256, scope, created_at, expires_at, publisher) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&new.id)
        .bind(&new.owner)
        .bind(new.kind)
        .bind(&new.name)
        .bind(secret_sha256)
        .bind(&new.scope)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(&new.publisher)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Notes that its end was told of; whether nobody did before.
    pub async fn tell_of_token(&mut self, id: &str) -> Result<bool> {
        let told = sqlx::query("UPDATE token SET told_at = $2 WHERE id = $1 AND told_at IS NULL");
        Ok(told.bind(id).bind(self.now).execute(&mut *self.tx).await?.rows_affected() > 0)
    }

    pub async fn revoke_token(&mut self, id: &str) -> Result<()> {
        sqlx::query("UPDATE token SET revoked_at = $2 WHERE id = $1")
            .bind(id)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Revokes every login session of an account.
    pub async fn end_sessions(&mut self, owner: &str) -> Result<()> {
        sqlx::query("DELETE FROM token WHERE owner = $1 AND kind = 'session'")
            .bind(owner)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Ends one login session; whose it was.
    pub async fn end_session(&mut self, secret_sha256: &str) -> Result<Option<String>> {
        let query = "DELETE FROM token WHERE secret_sha256 = $1 AND kind = 'session' RETURNING owner";
        Ok(sqlx::query_scalar(query).bind(secret_sha256).fetch_optional(&mut *self.tx).await?)
    }

    /// Forgets the sessions of an account that ended by themselves.
    pub async fn forget_expired_sessions(&mut self, owner: &str) -> Result<()> {
        sqlx::query("DELETE FROM token WHERE owner = $1 AND kind = 'session' AND expires_at < $2")
            .bind(owner)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

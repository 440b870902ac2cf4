//! The events as a log: read in order, searched, and shortened with a seal.

use super::chain::AuditEntry;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::EventKind;
use sqlx::Row as _;

/// What is known of the chain without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditChain {
    /// The hash of the newest entry.
    pub head: String,
    /// The chain begins behind this serial.
    pub sealed: i64,
    /// The hash that the entry there had; empty if it had none.
    pub seal: String,
}

/// Which entries are shown.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub index: Option<IndexName>,
    pub project: Option<ProjectName>,
    /// A label as the log has it, or the name of an account, which also finds what its tokens did.
    pub who: Option<String>,
    pub what: Option<EventKind>,
    /// Only older ones than this serial.
    pub before: Option<i64>,
    pub limit: u32,
}

/// The entries that a step of retention removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trimmed {
    pub entries: u64,
    /// The newest of them, and its hash.
    pub through: i64,
    pub hash: String,
}

impl Db {
    /// Up to `limit` entries behind `serial`, the oldest first.
    pub async fn audit_after(&self, serial: i64, limit: u32) -> Result<Vec<AuditEntry>> {
        let entries = AuditEntry::select("WHERE serial > $1 ORDER BY serial LIMIT $2").bind(serial);
        Ok(entries.bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }

    /// The entries that a filter lets through, the newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        let mut conditions = vec!["serial < $1".to_owned()];
        let mut texts: Vec<String> = Vec::new();
        let given = [
            ("index_name", filter.index.as_ref().map(ToString::to_string)),
            ("project", filter.project.as_ref().map(ToString::to_string)),
            ("what", filter.what.map(|what| what.to_string())),
        ];
        for (column, value) in given {
            if let Some(value) = value {
                texts.push(value);
                conditions.push(format!("{column} = ${}", texts.len() + 2));
            }
        }
        if let Some(who) = &filter.who {
            // `token:<id> (alice)`; `_` is no wildcard in a name.
            let escaped = who.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            texts.extend([who.clone(), format!("% ({escaped})")]);
            let place = texts.len() + 2;
            conditions.push(format!("(who = ${} OR who LIKE ${place} ESCAPE '\\')", place - 1));
        }
        let rest = format!("WHERE {} ORDER BY serial DESC LIMIT $2", conditions.join(" AND "));
        let query = AuditEntry::select(&rest).bind(filter.before.unwrap_or(i64::MAX));
        let query = query.bind(i64::from(filter.limit));
        Ok(texts.into_iter().fold(query, |query, text| query.bind(text)).fetch_all(&self.pool).await?)
    }

    /// Where the chain begins and ends.
    pub async fn audit_chain(&self) -> Result<AuditChain> {
        let row =
            sqlx::query("SELECT head, sealed, seal FROM clock WHERE id = 1").fetch_one(&self.pool).await?;
        Ok(AuditChain {
            head: row.try_get("head")?,
            sealed: row.try_get("sealed")?,
            seal: row.try_get("seal")?,
        })
    }

    /// The serial behind which every entry is from `at` or later; `None` if there is no such entry.
    pub async fn audit_since(&self, at: Micros) -> Result<Option<i64>> {
        let first = sqlx::query_scalar::<_, Option<i64>>("SELECT min(serial) FROM event WHERE at >= $1");
        Ok(first.bind(at).fetch_one(&self.pool).await?.map(|serial| serial - 1))
    }

    /// How many entries are older than `before`.
    pub async fn audit_older_than(&self, before: Micros) -> Result<u64> {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM event WHERE at < $1").bind(before);
        Ok(u64::try_from(count.fetch_one(&self.pool).await?).unwrap_or_default())
    }

    /// When the oldest entry was written.
    pub async fn oldest_audit(&self) -> Result<Option<Micros>> {
        let at = sqlx::query_scalar("SELECT at FROM event ORDER BY serial LIMIT 1");
        Ok(at.fetch_optional(&self.pool).await?)
    }
}

impl Tx {
    /// Removes up to `most` of the oldest entries, as far as they are older than `before` and not behind the serial
    /// `through`, and seals the chain behind them: what stays can still be verified.
    pub async fn trim_audit(&mut self, before: Micros, through: i64, most: u32) -> Result<Option<Trimmed>> {
        let oldest = "SELECT serial, at, hash FROM event WHERE serial <= $1 ORDER BY serial LIMIT $2";
        let rows = sqlx::query(oldest).bind(through).bind(i64::from(most)).fetch_all(&mut *self.tx).await?;
        let mut last = None;
        let mut entries = 0;
        for row in &rows {
            if row.try_get::<Micros, _>("at")? >= before {
                break;
            }
            entries += 1;
            last = Some((row.try_get::<i64, _>("serial")?, row.try_get::<Option<String>, _>("hash")?));
        }
        let Some((through, hash)) = last else { return Ok(None) };
        let hash = hash.unwrap_or_default();
        let removed = sqlx::query("DELETE FROM event WHERE serial <= $1").bind(through);
        removed.execute(&mut *self.tx).await?;
        // Those from before there was a chain leave its beginning where it is.
        let seal = "UPDATE clock SET sealed = $1, seal = $2 WHERE id = 1 AND sealed < $1";
        sqlx::query(seal).bind(through).bind(&hash).execute(&mut *self.tx).await?;
        Ok(Some(Trimmed { entries, through, hash }))
    }
}

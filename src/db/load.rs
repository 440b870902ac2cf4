//! Rows of a backup, put into an empty database of either engine: all of them or none.

use super::dump::{ColumnKind, DumpedTable, tables};
use super::{Db, Engine, holds};
use crate::error::{Error, Result};
use crate::{bad, conflict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, TryStreamExt};
use serde_json::Value;
use sqlx::{Any, AssertSqlSafe, Transaction};

/// Values of one statement: fewer than any engine allows.
const VALUES: usize = 900;

/// A transaction that fills a database.
pub struct Loading {
    tx: Transaction<'static, Any>,
}

impl Db {
    /// Begins to fill this database: what the migrations put into the tables is removed.
    ///
    /// # Errors
    /// `Conflict` if somebody used it meanwhile.
    pub async fn load(&self, tables: &[DumpedTable]) -> Result<Loading> {
        let mut tx = self.quiet().await?;
        // Writes first, so that another process waits here.
        sqlx::query("UPDATE clock SET serial = serial WHERE id = 1").execute(&mut *tx).await?;
        let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM account").fetch_one(&mut *tx).await?;
        if accounts > 0 {
            return Err(in_use());
        }
        for table in tables.iter().rev() {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {}", table.name))).execute(&mut *tx).await?;
        }
        Ok(Loading { tx })
    }
}

impl Loading {
    /// Puts rows into a table; how many they were.
    ///
    /// # Errors
    /// `Bad` if a row does not fit the table.
    pub async fn fill(
        &mut self,
        table: &DumpedTable,
        rows: impl Stream<Item = Result<Vec<Value>>>,
    ) -> Result<u64> {
        let mut rows = std::pin::pin!(rows);
        let at_once = (VALUES / table.columns.len().max(1)).max(1);
        let (mut batch, mut filled) = (Vec::with_capacity(at_once), 0);
        while let Some(row) = rows.try_next().await? {
            if row.len() != table.columns.len() {
                let (has, wants) = (row.len(), table.columns.len());
                return Err(bad!("a row of the table {} has {has} values, not {wants}", table.name));
            }
            batch.push(row);
            filled += 1;
            if batch.len() == at_once {
                self.insert(table, &batch).await?;
                batch.clear();
            }
        }
        if !batch.is_empty() {
            self.insert(table, &batch).await?;
        }
        Ok(filled)
    }

    async fn insert(&mut self, table: &DumpedTable, rows: &[Vec<Value>]) -> Result<()> {
        let width = table.columns.len();
        let row = |at: usize| {
            let places: Vec<String> = (1..=width).map(|column| format!("${}", at * width + column)).collect();
            format!("({})", places.join(", "))
        };
        let places: Vec<String> = (0..rows.len()).map(row).collect();
        let sql =
            format!("INSERT INTO {} ({}) VALUES {}", table.name, table.column_list(), places.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (column, value) in rows.iter().flat_map(|row| table.columns.iter().zip(row)) {
            // NULL has a type, too.
            query = match column.kind {
                ColumnKind::Text => query.bind(value.as_str().map(str::to_owned)),
                ColumnKind::Number => query.bind(value.as_i64()),
                ColumnKind::Bytes => query.bind(match value.as_str() {
                    None => None,
                    Some(text) => Some(STANDARD.decode(text).map_err(|_| {
                        bad!("{}.{} has a value that is not base64", table.name, column.name)
                    })?),
                }),
            };
        }
        match query.execute(&mut *self.tx).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(why)) => {
                Err(bad!("the new database refuses rows of the table {}: {}", table.name, why.message()))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Notes a fact about the installation beside what the rows say.
    pub async fn note(&mut self, name: &str, value: &str) -> Result<()> {
        let forget = sqlx::query("DELETE FROM fact WHERE name = $1").bind(name);
        forget.execute(&mut *self.tx).await?;
        let note = sqlx::query("INSERT INTO fact (name, value) VALUES ($1, $2)").bind(name).bind(value);
        note.execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Ends all leases, for those who held them are gone, and commits.
    pub async fn commit(mut self, tables: &[DumpedTable]) -> Result<()> {
        let leased = |table: &&DumpedTable| table.columns.iter().any(|column| column.name == "lease_by");
        for table in tables.iter().filter(leased) {
            let sql =
                format!("UPDATE {} SET lease_by = '', lease_until = 0 WHERE lease_by <> ''", table.name);
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *self.tx).await?;
        }
        let hold = sqlx::query("DELETE FROM fact WHERE name = $1").bind(holds::BACKUP);
        hold.execute(&mut *self.tx).await?;
        Ok(self.tx.commit().await?)
    }
}

/// Refuses a database that somebody uses. One whose tables are all as the migrations leave them is empty.
pub(super) async fn refuse_used(pool: &sqlx::AnyPool, engine: Engine) -> Result<()> {
    let tables = tables(pool, engine).await?;
    if tables.is_empty() {
        return Ok(());
    }
    let ours = ["_sqlx_migrations", "clock", "account"];
    if !ours.iter().all(|name| tables.iter().any(|table| table == name)) {
        return Err(conflict!(
            "the database has tables of something else: choose an empty one with --database"
        ));
    }
    let used = "SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM clock WHERE serial > 0)";
    match sqlx::query_scalar::<_, i64>(used).fetch_one(pool).await? {
        0 => Ok(()),
        _ => Err(in_use()),
    }
}

fn in_use() -> Error {
    conflict!(
        "the database is not empty: choose an empty one with --database, or another folder with --data. \
         Nothing was changed"
    )
}

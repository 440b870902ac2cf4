//! Every table as rows of plain values, whatever engine keeps it: what a backup carries.
//!
//! Nothing here knows a table by name, so that a new one is carried from its migration on.

use super::{Db, Engine};
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AssertSqlSafe, Executor, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tables that a backup leaves out: the schema's own history, which each database writes for itself, and who is
/// downloading what, which ends with the processes that do.
pub const NOT_DUMPED: [&str; 2] = ["_sqlx_migrations", "download"];

/// A table as a backup knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedTable {
    pub name: String,
    pub columns: Vec<DumpedColumn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedColumn {
    pub name: String,
    pub kind: ColumnKind,
}

/// What a column holds. In JSON, bytes are base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    Text,
    Number,
    Bytes,
}

impl ColumnKind {
    /// As the engine's catalogue calls its type.
    fn of(told: &str) -> Option<Self> {
        match told.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "bigint" => Some(Self::Number),
            "blob" | "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }

    fn read(self, row: &AnyRow, at: usize) -> Result<Value> {
        Ok(match self {
            Self::Text => row.try_get::<Option<String>, _>(at)?.into(),
            Self::Number => row.try_get::<Option<i64>, _>(at)?.into(),
            Self::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(|bytes| STANDARD.encode(bytes)).into(),
        })
    }
}

impl DumpedTable {
    /// Whether another one has the same name and columns, in any order.
    pub fn is_like(&self, other: &Self) -> bool {
        self.name == other.name
            && self.columns.len() == other.columns.len()
            && self.columns.iter().all(|column| other.columns.contains(column))
    }

    /// `a, b, c`
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Db {
    /// The same database at one moment: whatever others commit from now on is not seen. Only for reading, and one
    /// query at a time. SQLite keeps what is written meanwhile in its log, so [`Db::end`] it soon.
    pub async fn snapshot(&self) -> Result<Self> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let begun = Arc::new(AtomicBool::new(false));
        // A second connection would see another moment.
        let options = AnyPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection: &mut AnyConnection, _| {
                let lost = begun.swap(true, Ordering::Relaxed);
                Box::pin(async move {
                    if lost {
                        return Err(sqlx::Error::PoolClosed);
                    }
                    connection.execute(begin).await?;
                    // The first thing that is read decides the moment.
                    connection.execute("SELECT serial FROM clock").await.map(|_| ())
                })
            });
        let pool = options.connect_with(self.pool.connect_options().as_ref().clone()).await?;
        Ok(Self { writer: pool.clone(), pool, engine: self.engine, newest: Arc::default() })
    }

    /// Closes all connections.
    pub async fn end(self) {
        self.pool.close().await;
        self.writer.close().await;
    }

    /// The tables that a backup carries, each after those that its rows refer to.
    ///
    /// # Errors
    /// `Internal` if a column has a type that no migration may use, or tables refer to each other in a circle.
    pub async fn dumped_tables(&self) -> Result<Vec<DumpedTable>> {
        let mut waiting = Vec::new();
        for name in tables(&self.pool, self.engine).await? {
            if !NOT_DUMPED.contains(&name.as_str()) {
                let parents = self.parents(&name).await?;
                waiting.push((DumpedTable { columns: self.columns(&name).await?, name }, parents));
            }
        }
        let mut ordered: Vec<DumpedTable> = Vec::new();
        while !waiting.is_empty() {
            let known = |parent: &String| ordered.iter().any(|table| table.name == *parent);
            let Some(next) = waiting.iter().position(|(_, parents)| parents.iter().all(known)) else {
                return Err(Error::internal(anyhow::anyhow!("tables refer to each other in a circle")));
            };
            ordered.push(waiting.remove(next).0);
        }
        Ok(ordered)
    }

    /// The rows of a table, one after the other, in no order.
    pub fn dump<'a>(&'a self, table: &'a DumpedTable) -> BoxStream<'a, Result<Vec<Value>>> {
        let sql = AssertSqlSafe(format!("SELECT {} FROM {}", table.column_list(), table.name));
        let rows = sqlx::query(sql).fetch(&self.pool).map_err(Error::from);
        let values = rows.and_then(async |row| {
            let kinds = table.columns.iter().enumerate();
            kinds.map(|(at, column)| column.kind.read(&row, at)).collect()
        });
        values.boxed()
    }

    /// How many rows a table has.
    pub async fn rows_of(&self, table: &DumpedTable) -> Result<i64> {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", table.name));
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    async fn columns(&self, table: &str) -> Result<Vec<DumpedColumn>> {
        let sql = match self.engine {
            Engine::Sqlite => "SELECT name, type AS told FROM pragma_table_info($1) ORDER BY cid",
            Engine::Postgres => {
                "SELECT CAST(column_name AS TEXT) AS name, CAST(data_type AS TEXT) AS told \
                 FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 \
                 ORDER BY ordinal_position"
            }
        };
        let rows = sqlx::query(sql).bind(table).fetch_all(&self.pool).await?;
        let column = |row: &AnyRow| {
            let (name, told): (String, String) = (row.try_get("name")?, row.try_get("told")?);
            let kind = ColumnKind::of(&told).ok_or_else(|| {
                Error::internal(anyhow::anyhow!("{table}.{name} is {told}: not TEXT, BIGINT or BLOB"))
            })?;
            Ok(DumpedColumn { name, kind })
        };
        rows.iter().map(column).collect()
    }

    /// The other tables that a table's rows refer to.
    async fn parents(&self, table: &str) -> Result<Vec<String>> {
        let sql = match self.engine {
            Engine::Sqlite => {
                "SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list($1) WHERE \"table\" <> $1"
            }
            Engine::Postgres => {
                "SELECT DISTINCT CAST(parent.relname AS TEXT) AS name FROM pg_constraint \
                 JOIN pg_class child ON conrelid = child.oid JOIN pg_class parent ON confrelid = parent.oid \
                 JOIN pg_namespace place ON place.oid = child.relnamespace \
                 WHERE contype = 'f' AND CAST(place.nspname AS TEXT) = CAST(current_schema() AS TEXT) \
                 AND CAST(child.relname AS TEXT) = $1 AND parent.oid <> child.oid"
            }
        };
        Ok(sqlx::query_scalar(sql).bind(table).fetch_all(&self.pool).await?)
    }
}

/// The names of all tables of the database.
pub(super) async fn tables(pool: &sqlx::AnyPool, engine: Engine) -> Result<Vec<String>> {
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
        }
    };
    Ok(sqlx::query_scalar(sql).fetch_all(pool).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Tx;
    use crate::db::events::NewEvent;
    use crate::words::EventKind;

    async fn fresh() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        (folder, db)
    }

    #[tokio::test]
    async fn every_table_is_dumped_after_its_parents_or_named_as_left_out() {
        let (_folder, db) = fresh().await;
        let mut names: Vec<String> =
            db.dumped_tables().await.unwrap().into_iter().map(|table| table.name).collect();
        let at = |name: &str| names.iter().position(|known| known == name).unwrap();
        for (parent, child) in
            [("account", "namespace"), ("namespace", "file"), ("file", "built_file"), ("publisher", "token")]
        {
            assert!(at(parent) < at(child), "{parent} before {child}: {names:?}");
        }
        names.extend(NOT_DUMPED.map(str::to_owned));
        names.sort();
        assert_eq!(names, tables(&db.pool, db.engine).await.unwrap(), "each once");
    }

    #[tokio::test]
    async fn a_snapshot_stays_at_its_moment() {
        let (_folder, db) = fresh().await;
        let before = db.serial().await.unwrap();
        let snapshot = db.snapshot().await.unwrap();
        for _ in 0..3 {
            let tx = Tx::begin(&db).await.unwrap();
            tx.commit(NewEvent::of(":test", EventKind::Other)).await.unwrap();
            assert_eq!(snapshot.serial().await.unwrap(), before);
        }
        assert_eq!(db.serial().await.unwrap(), before + 3);
        snapshot.end().await;
    }
}

//! Rows as a replica copies them: what everybody shares, and what one project of a stage has, as JSON.
//!
//! A replica never replays changes. It is told what changed, takes the rows as they are now, and makes its own the
//! same: whatever it missed before does not matter.

mod tables;

use super::{Db, Engine, Tx};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::HashMap;
use tables::{DIRECTORY, PROJECT, ReplicatedTable};

/// Columns that name bytes which a copy needs, too.
const BLOBS: [&str; 2] = ["sha256", "metadata_sha256"];

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TableRows {
    pub table: String,
    /// Another version may know other ones.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl TableRows {
    /// The bytes that these rows refer to, but for those of files that were deleted.
    pub fn blobs(&self) -> impl Iterator<Item = &str> {
        let at = |wanted: &str| self.columns.iter().position(|column| column == wanted);
        let deleted = at("deleted_at");
        let named: Vec<usize> = match self.table.as_str() {
            "file" | "attachment" => BLOBS.iter().filter_map(|column| at(column)).collect(),
            _ => Vec::new(),
        };
        let stands =
            move |row: &&Vec<Value>| deleted.and_then(|column| row.get(column)).is_none_or(Value::is_null);
        self.rows.iter().filter(stands).flat_map(move |row| {
            named.clone().into_iter().filter_map(move |column| row.get(column)?.as_str())
        })
    }
}

/// Which rows of a group of tables.
#[derive(Clone, Copy, Debug)]
pub enum ReplicatedPart<'a> {
    Directory,
    Project(&'a IndexName, &'a ProjectName),
}

impl ReplicatedPart<'_> {
    fn tables(self) -> &'static [ReplicatedTable] {
        match self {
            Self::Directory => DIRECTORY,
            Self::Project(..) => PROJECT,
        }
    }
}

impl ReplicatedTable {
    /// Texts, then numbers.
    fn columns(&self) -> Vec<&'static str> {
        self.texts.split_whitespace().chain(self.numbers.split_whitespace()).collect()
    }

    async fn read(
        &self,
        connection: &mut AnyConnection,
        part: ReplicatedPart<'_>,
    ) -> Result<Vec<Vec<Value>>> {
        let from = format!("SELECT {} FROM {}", self.columns().join(", "), self.name);
        let query = match part {
            ReplicatedPart::Directory => sqlx::query(AssertSqlSafe(from)),
            ReplicatedPart::Project(index, project) => {
                let of = format!("{from} WHERE index_name = $1 AND {} = $2", self.project);
                sqlx::query(AssertSqlSafe(of)).bind(index.as_str()).bind(project.as_str())
            }
        };
        let rows = query.fetch_all(connection).await?;
        rows.iter().map(|row| self.values(row)).collect()
    }

    fn values(&self, row: &AnyRow) -> Result<Vec<Value>> {
        let texts = self.texts.split_whitespace();
        let texts = texts.map(|name| Ok(row.try_get::<Option<String>, _>(name)?.into()));
        let numbers = self.numbers.split_whitespace();
        let numbers = numbers.map(|name| Ok(row.try_get::<Option<i64>, _>(name)?.into()));
        texts.chain(numbers).collect()
    }

    /// `theirs` in the order of our own columns.
    fn ordered(&self, theirs: &TableRows) -> Vec<Vec<Value>> {
        let place = |name: &&str| theirs.columns.iter().position(|column| column == name);
        let places: Vec<Option<usize>> = self.columns().iter().map(place).collect();
        let ordered = |row: &Vec<Value>| {
            places
                .iter()
                .map(|place| place.and_then(|at| row.get(at)).cloned().unwrap_or(Value::Null))
                .collect()
        };
        theirs.rows.iter().map(ordered).collect()
    }

    fn key_of(&self, row: &[Value]) -> Vec<String> {
        row.iter().take(self.key).map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Before a row replaces `known`. An index that was deleted and made again is another one: what the first one had
    /// goes with it. Whoever vouches for accounts may have moved from one to the other.
    async fn make_way(
        &self,
        connection: &mut AnyConnection,
        key: &[String],
        known: &[Value],
        row: &[Value],
    ) -> Result<()> {
        let born = self.columns().iter().position(|column| *column == "created_at");
        let born = |row: &[Value]| born.and_then(|at| row.get(at).cloned());
        match self.name {
            "namespace" if born(known) != born(row) => self.delete(connection, key).await,
            "account" => {
                let free = sqlx::query("UPDATE account SET subject = NULL WHERE name = $1");
                free.bind(key.first().cloned()).execute(connection).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn delete(&self, connection: &mut AnyConnection, key: &[String]) -> Result<()> {
        let columns = self.columns().into_iter().take(self.key).enumerate();
        let conditions: Vec<String> = columns.map(|(at, name)| format!("{name} = ${}", at + 1)).collect();
        let sql = format!("DELETE FROM {} WHERE {}", self.name, conditions.join(" AND "));
        let query = key.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, part| query.bind(part.clone()));
        query.execute(connection).await?;
        Ok(())
    }

    async fn put(&self, connection: &mut AnyConnection, row: &[Value]) -> Result<()> {
        let columns = self.columns();
        let places: Vec<String> = (1..=columns.len()).map(|at| format!("${at}")).collect();
        let (key, rest) = columns.split_at(self.key.min(columns.len()));
        let rest: Vec<String> = rest.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let otherwise = match rest.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", rest.join(", ")),
        };
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {otherwise}",
            self.name,
            columns.join(", "),
            places.join(", "),
            key.join(", "),
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        let texts = self.texts.split_whitespace().count();
        for (at, value) in row.iter().enumerate() {
            // NULL has a type, too.
            query = match at < texts {
                true => query.bind(value.as_str().map(str::to_owned)),
                false => query.bind(value.as_i64()),
            };
        }
        query.execute(connection).await?;
        Ok(())
    }
}

impl Db {
    /// What a replica needs of this part, as it is now.
    pub async fn replicated(&self, part: ReplicatedPart<'_>) -> Result<Vec<TableRows>> {
        // In one transaction: what belongs together is read together.
        let mut tx = self.pool.begin().await?;
        if self.engine == Engine::Postgres {
            sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *tx).await?;
        }
        let mut all = Vec::new();
        for table in part.tables() {
            let rows = table.read(&mut tx, part).await?;
            let columns = table.columns().into_iter().map(str::to_owned).collect();
            all.push(TableRows { table: table.name.into(), columns, rows });
        }
        Ok(all)
    }

    /// Projects that have rows of their own, by index and name: up to `limit` behind `after`.
    pub async fn projects_behind(
        &self,
        after: (&str, &str),
        limit: i64,
    ) -> Result<Vec<(IndexName, ProjectName)>> {
        let rows = sqlx::query(
            "SELECT index_name, project FROM \
             (SELECT index_name, name AS project FROM project UNION SELECT index_name, project FROM used_file) AS every \
             WHERE index_name > $1 OR index_name = $1 AND project > $2 ORDER BY index_name, project LIMIT $3",
        );
        let rows = rows.bind(after.0).bind(after.1).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("index_name")?, row.try_get("project")?))).collect()
    }

    /// Files that mirrors keep, in the order in which they came: up to `limit` behind `after` (a moment, an index and a
    /// file name).
    pub async fn mirrored_behind(&self, after: (i64, &str, &str), limit: i64) -> Result<Vec<MirroredFile>> {
        let rows = sqlx::query(
            "SELECT index_name, project, filename, sha256, uploaded_at FROM file \
             WHERE url IS NOT NULL AND deleted_at IS NULL AND (uploaded_at > $1 OR uploaded_at = $1 AND \
             (index_name > $2 OR index_name = $2 AND filename > $3)) \
             ORDER BY uploaded_at, index_name, filename LIMIT $4",
        );
        let rows = rows.bind(after.0).bind(after.1).bind(after.2).bind(limit).fetch_all(&self.pool).await?;
        let file = |row: &AnyRow| {
            Ok(MirroredFile {
                index: row.try_get("index_name")?,
                project: row.try_get("project")?,
                filename: row.try_get("filename")?,
                sha256: row.try_get("sha256")?,
                at: row.try_get("uploaded_at")?,
            })
        };
        rows.iter().map(file).collect()
    }
}

/// A file that a mirror keeps.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MirroredFile {
    pub index: IndexName,
    pub project: ProjectName,
    pub filename: String,
    pub sha256: String,
    /// When it came, in microseconds since 1970.
    pub at: i64,
}

impl Tx {
    /// Makes the rows of `part` the same as `theirs`; how many had to change. Nothing is written of those that are
    /// the same already.
    ///
    /// # Errors
    /// `BadUpstream` if a table is missing: a part of the rows would delete the others.
    pub async fn replicate(&mut self, part: ReplicatedPart<'_>, theirs: &[TableRows]) -> Result<usize> {
        let mut changed = 0;
        let mut put = Vec::new();
        for table in part.tables().iter().rev() {
            let told = theirs.iter().find(|rows| rows.table == table.name);
            let told = told.ok_or_else(|| {
                Error::BadUpstream(format!(
                    "the primary sent no rows of {}: is it of another version?",
                    table.name
                ))
            })?;
            let ours = table.read(&mut self.tx, part).await?;
            let mut ours: HashMap<Vec<String>, Vec<Value>> =
                ours.into_iter().map(|row| (table.key_of(&row), row)).collect();
            for row in table.ordered(told) {
                let key = table.key_of(&row);
                let known = ours.remove(&key);
                if known.as_ref() == Some(&row) {
                    continue;
                }
                if let Some(known) = known {
                    table.make_way(&mut self.tx, &key, &known, &row).await?;
                }
                put.push((table, row));
            }
            changed += ours.len();
            for key in ours.into_keys() {
                table.delete(&mut self.tx, &key).await?;
            }
        }
        changed += put.len();
        // Those that others refer to come last here, and first there.
        for (table, row) in put.iter().rev() {
            table.put(&mut self.tx, row).await?;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Tables that a replica has of its own, or has no use for.
    const OWN: &[&str] = &[
        "_sqlx_migrations",
        "clock",
        "fact",
        "download",
        "used_proof",
        "handover",
        "event",
        "remote_metadata",
        "upstream_page",
        "first_seen",
        "build",
        "build_asker",
        "build_need",
        "build_for",
        "build_log",
        "build_day",
        "measure",
        "build_source",
        "build_set",
        "build_set_member",
        "learned",
        "promised_file",
        "readiness",
        "recipe",
        "worker",
        "bundle_import",
        "wish",
        "webhook",
        "webhook_delivery",
        "watch",
        "watched_tag",
        "wheelhouse",
        "approval",
        "request",
        "curation",
        "fetched",
        "file_use",
        "lock_watch",
        "lock_pin",
    ];

    #[tokio::test]
    async fn every_table_is_copied_whole_or_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&db.pool)
            .await
            .unwrap();
        for name in tables {
            let Some(table) = DIRECTORY.iter().chain(PROJECT).find(|table| table.name == name) else {
                assert!(OWN.contains(&name.as_str()), "does a replica copy {name}?");
                continue;
            };
            let sql = AssertSqlSafe(format!("SELECT name, type, pk FROM pragma_table_info('{name}')"));
            let (mut texts, mut numbers, mut key) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for row in sqlx::query(sql).fetch_all(&db.pool).await.unwrap() {
                let column: String = row.get("name");
                if row.get::<i64, _>("pk") > 0 {
                    key.insert(column.clone());
                }
                let is_text = row.get::<String, _>("type") == "TEXT";
                if is_text { &mut texts } else { &mut numbers }.insert(column);
            }
            let set = |columns: &str| columns.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!((set(table.texts), set(table.numbers)), (texts, numbers), "{name}");
            let own_key: BTreeSet<String> =
                table.columns().into_iter().take(table.key).map(str::to_owned).collect();
            assert_eq!(own_key, key, "{name}");
        }
    }
}

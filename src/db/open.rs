//! Opening the database: its address, its version, its settings, its schema.

use super::rolling::{self, SchemaView};
use super::{Db, Engine};
use crate::bad;
use crate::config::secret_url::masked;
use crate::error::{Error, Result};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, SqlSafeStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Below it, SQLite can lose committed pages of its write-ahead log.
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

/// The oldest Postgres that the tests' SQL is valid on.
const POSTGRES_AT_LEAST: u32 = 13;

/// How long the first connection may take.
const FIRST_CONTACT: Duration = Duration::from_secs(20);

/// Holds on one connection only, so every new one gets it. FULL: a commit is on disk when it returns.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 15000; PRAGMA foreign_keys = ON; \
     PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;";

/// What a path may not contain inside a database URL.
const IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`, asserts the engine's version, migrates the schema.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_at(url, None).await
    }

    /// Opens a database that must be empty, and makes the schema as it was at a step, for rows of that time.
    ///
    /// # Errors
    /// `Conflict` if something is in it; `Bad` if this version does not know the step.
    pub async fn open_empty(url: &str, step: i64) -> Result<Self> {
        let known = newest_step();
        if step > known {
            return Err(bad!(
                "a newer wheelwright wrote this backup (its schema is at step {step}, this version knows \
                 {known}): restore it with that version or a newer one"
            ));
        }
        Self::open_at(url, Some(step)).await
    }

    /// How the schema stands, as of now: another server may have migrated meanwhile.
    pub async fn schema(&self) -> Result<SchemaView> {
        rolling::schema(&self.pool, newest_step()).await
    }

    async fn open_at(url: &str, step: Option<i64>) -> Result<Self> {
        sqlx::any::install_default_drivers();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, step).await;
        }
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Some(path) if !path.is_empty() && !path.starts_with(":memory:") => {
                Self::open_sqlite(Path::new(path), step).await
            }
            _ => {
                Err(bad!("database {:?} is neither sqlite://PATH nor postgres://USER@HOST/NAME", masked(url)))
            }
        }
    }

    async fn open_sqlite(path: &Path, step: Option<i64>) -> Result<Self> {
        let path = std::path::absolute(path)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = path
            .to_str()
            .ok_or_else(|| bad!("the database path {} is not UTF-8: choose another path", path.display()))?;
        let url = format!("sqlite://{}?mode=rwc", utf8_percent_encode(text, IN_URL));
        // Others who open the same new file wait here: switching it to WAL and migrating it are
        // the two steps that SQLite does not queue by itself.
        let _turn = turn(sidecar(&path)).await?;
        first_contact(&url, text, "PRAGMA schema_version").await?;
        let writer = sqlite_pool(1).connect(&url).await.map_err(|e| not_opened(&path.display(), e))?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
        sqlite_is_sound(&version)?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&writer).await?;
        if mode != "wal" {
            return Err(bad!(
                "{} does not support a write-ahead log (is it a network file system?): put the data on a \
                 local disk, or use Postgres",
                path.display()
            ));
        }
        migrate(&writer, Engine::Sqlite, step).await?;
        let readers = std::thread::available_parallelism().map_or(4, |n| n.get() as u32 * 2).clamp(4, 16);
        let pool = sqlite_pool(readers).connect(&url).await?;
        Ok(Self { pool, writer, engine: Engine::Sqlite, newest: Arc::default() })
    }

    async fn open_postgres(url: &str, step: Option<i64>) -> Result<Self> {
        first_contact(url, &masked(url), "SELECT 1").await?;
        let pool = AnyPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(20))
            .connect(url)
            .await
            .map_err(|e| not_opened(&masked(url), e))?;
        let version: String = sqlx::query_scalar("SHOW server_version_num").fetch_one(&pool).await?;
        postgres_is_new_enough(&version)?;
        migrate(&pool, Engine::Postgres, step).await?;
        Ok(Self { writer: pool.clone(), pool, engine: Engine::Postgres, newest: Arc::default() })
    }
}

/// One connection before the pool's: a pool tries again till its time is over, and then tells
/// only that it is.
async fn first_contact(url: &str, place: &str, question: &'static str) -> Result<()> {
    let contact = async {
        let mut connection = AnyConnection::connect(url).await?;
        connection.execute(question).await?;
        connection.close().await
    };
    match tokio::time::timeout(FIRST_CONTACT, contact).await {
        Ok(result) => result.map_err(|error| not_opened(&place, error)),
        Err(_) => Err(Error::Unavailable(format!(
            "cannot open the database {place}: no answer in {} s. Check that it is running",
            FIRST_CONTACT.as_secs()
        ))),
    }
}

fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection: &mut AnyConnection, _| {
            Box::pin(async move { connection.execute(SQLITE_SETTINGS).await.map(|_| ()) })
        })
        // On a full disk SQLite itself rolls back. The rollback that sqlx sends then fails, and it
        // believes for ever that a transaction is open: such a connection is closed.
        .after_release(|connection: &mut AnyConnection, _| {
            Box::pin(async move {
                // Not before the rollback that is on its way.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

/// A file lock beside the database, held until dropped.
async fn turn(path: PathBuf) -> Result<std::fs::File> {
    tokio::task::spawn_blocking(move || {
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    })
    .await?
}

fn sidecar(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-opening");
    name.into()
}

fn sqlite_is_sound(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) >= SQLITE_AT_LEAST {
        return Ok(());
    }
    let (a, b, c) = SQLITE_AT_LEAST;
    Err(bad!("SQLite {version} can lose committed data: build with {a}.{b}.{c} or newer"))
}

fn postgres_is_new_enough(version_num: &str) -> Result<()> {
    let major = version_num.parse::<u32>().unwrap_or(0) / 10_000;
    if major >= POSTGRES_AT_LEAST {
        return Ok(());
    }
    Err(bad!("Postgres {major} is too old: upgrade the server to {POSTGRES_AT_LEAST} or newer"))
}

fn not_opened(place: &dyn std::fmt::Display, error: sqlx::Error) -> Error {
    let hint = match &error {
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            ". Check that it is running"
        }
        // SQLITE_NOTADB, SQLITE_CORRUPT.
        sqlx::Error::Database(known) if matches!(known.code().as_deref(), Some("26" | "11")) => {
            ". Restore it from a backup"
        }
        _ => "",
    };
    Error::Unavailable(format!("cannot open the database {place}: {error}{hint}"))
}

/// The schema's history, embedded. Before you add a step, read `rolling.rs`: programs of the release before work beside
/// it. A database that knows a later number than the last one here was migrated by a newer wheelwright, and is refused
/// where that one took something away.
fn migrations(engine: Engine, last: Option<i64>) -> Migrator {
    let files = [
        (1, "index", include_str!("../../migrations/0001_index.sql")),
        (2, "builds", include_str!("../../migrations/0002_builds.sql")),
        (3, "promises", include_str!("../../migrations/0003_promises.sql")),
        (4, "identity", include_str!("../../migrations/0004_identity.sql")),
        (5, "wishes", include_str!("../../migrations/0005_wishes.sql")),
        (6, "names", include_str!("../../migrations/0006_names.sql")),
        (7, "mirror", include_str!("../../migrations/0007_mirror.sql")),
        (9, "askers", include_str!("../../migrations/0009_askers.sql")),
        (10, "learned", include_str!("../../migrations/0010_learned.sql")),
        (11, "asked", include_str!("../../migrations/0011_asked.sql")),
        (12, "doubts", include_str!("../../migrations/0012_doubts.sql")),
        (13, "readiness", include_str!("../../migrations/0013_readiness.sql")),
        (14, "sets", include_str!("../../migrations/0014_sets.sql")),
        (15, "attachments", include_str!("../../migrations/0015_attachments.sql")),
        (16, "webhooks", include_str!("../../migrations/0016_webhooks.sql")),
        (17, "auth", include_str!("../../migrations/0017_auth.sql")),
        (18, "downloads", include_str!("../../migrations/0018_downloads.sql")),
        (19, "watches", include_str!("../../migrations/0019_watches.sql")),
        (20, "bundles", include_str!("../../migrations/0020_bundles.sql")),
        (21, "wheelhouses", include_str!("../../migrations/0021_wheelhouses.sql")),
        (22, "curation", include_str!("../../migrations/0022_curation.sql")),
        (23, "quarantine", include_str!("../../migrations/0023_quarantine.sql")),
        (24, "audit", include_str!("../../migrations/0024_audit.sql")),
        (26, "notices", include_str!("../../migrations/0026_notices.sql")),
        (27, "approved", include_str!("../../migrations/0027_approved.sql")),
        (30, "search", include_str!("../../migrations/0030_search.sql")),
        (31, "handovers", include_str!("../../migrations/0031_handovers.sql")),
        (32, "requirements", include_str!("../../migrations/0032_requirements.sql")),
        (34, "measures", include_str!("../../migrations/0034_measures.sql")),
        (36, "tried", include_str!("../../migrations/0036_tried.sql")),
        (40, "build_request", include_str!("../../migrations/0040_build_request.sql")),
    ];
    let wanted = files.into_iter().filter(|(number, ..)| last.is_none_or(|last| *number <= last));
    let numbered = wanted.map(|(number, name, sql)| {
        let sql = format!("{sql}{}", rolling::closing(number));
        let sql = match engine {
            Engine::Sqlite => sql,
            // The one word that differs.
            Engine::Postgres => sql.replace(" BLOB", " BYTEA"),
        };
        Migration::new(number, name.into(), MigrationType::Simple, AssertSqlSafe(sql).into_sql_str(), false)
    });
    Migrator::with_migrations(numbered.collect())
}

/// The last step that this program knows.
fn newest_step() -> i64 {
    migrations(Engine::Sqlite, None).iter().map(|step| step.version).max().unwrap_or(0)
}

/// Up to the newest step; or up to an older one, in a database that is empty.
async fn migrate(pool: &AnyPool, engine: Engine, step: Option<i64>) -> Result<()> {
    if step.is_some() {
        super::load::refuse_used(pool, engine).await?;
    }
    let known = newest_step();
    let mut steps = migrations(engine, step);
    let unknown = unknown(pool, engine, &steps).await?;
    // Not by a run that fails: it would keep the lock under which others wait.
    if step.is_none() && !unknown.is_empty() && unknown.iter().all(|later| *later > known) {
        rolling::permit(pool, known).await?;
        tracing::info!(
            "a newer wheelwright has migrated the database beyond step {known}, the last that this version knows: it works \
             beside the newer one"
        );
        steps.set_ignore_missing(true);
    }
    steps.run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) if version > known => bad!(
            "a newer wheelwright wrote this database (its schema is at step {version}, this version knows \
             {known}): start the newer version, or restore a backup from before the upgrade"
        ),
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => bad!(
            "step {version} of the database schema differs from this version's: start the version of \
             wheelwright that wrote it, or restore a backup"
        ),
        MigrateError::Dirty(version) => {
            bad!("step {version} of the database schema is incomplete: restore a backup")
        }
        other => Error::internal(other),
    })?;
    match step {
        None => super::identities::fill(pool).await,
        Some(_) => Ok(()),
    }
}

/// The steps that were taken and are none of these.
async fn unknown(pool: &AnyPool, engine: Engine, steps: &Migrator) -> Result<Vec<i64>> {
    if !super::dump::tables(pool, engine).await?.iter().any(|table| table == "_sqlx_migrations") {
        return Ok(Vec::new());
    }
    let taken: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(pool).await?;
    Ok(taken.into_iter().filter(|taken| steps.iter().all(|step| step.version != *taken)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_engines_are_refused_with_what_to_do() {
        assert!(sqlite_is_sound("3.51.3").is_ok());
        assert!(sqlite_is_sound("3.52").is_ok());
        assert!(sqlite_is_sound("3.51.2").unwrap_err().to_string().contains("3.51.3 or newer"));
        assert!(postgres_is_new_enough("130004").is_ok());
        assert!(postgres_is_new_enough("120019").unwrap_err().to_string().contains("13 or newer"));
    }

    #[test]
    fn a_password_in_a_database_url_is_not_shown() {
        assert_eq!(masked("mysql://joe:secret@host/db"), "mysql://****@host/db");
    }

    #[tokio::test]
    async fn what_is_no_database_is_refused() {
        for url in ["sqlite:", "sqlite::memory:", "mysql://host/db", "data.db"] {
            assert!(matches!(Db::open(url).await, Err(Error::Bad(_))), "{url}");
        }
    }

    #[tokio::test]
    async fn every_connection_to_sqlite_is_set_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a new folder 100%/x?.db");
        let db = Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..db.pool.options().get_max_connections() {
            held.push(db.pool.acquire().await.unwrap());
        }
        held.push(db.writer.acquire().await.unwrap());
        for connection in &mut held {
            for (pragma, want) in [("foreign_keys", 1i64), ("synchronous", 2), ("busy_timeout", 15000)] {
                let sql = AssertSqlSafe(format!("PRAGMA {pragma}"));
                let have: i64 = sqlx::query_scalar(sql).fetch_one(&mut **connection).await.unwrap();
                assert_eq!(have, want, "{pragma}");
            }
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut **connection).await.unwrap();
            assert_eq!(mode, "wal");
        }
        assert!(path.exists());
    }
}

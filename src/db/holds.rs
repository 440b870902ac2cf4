//! A backup holds off the collection of bytes while it copies them, and other backups.

use super::Db;
use crate::error::Result;
use crate::tools::time::Micros;

/// The fact that says who makes a backup, and until when nothing is collected: the time in 20 digits, and a name.
pub(super) const BACKUP: &str = "backup hold";

impl Db {
    /// Takes or renews the hold. `false`: another process has it.
    pub async fn hold_for_backup(&self, by: &str, now: Micros, until: Micros) -> Result<bool> {
        let hold = sqlx::query(
            "INSERT INTO fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
             SET value = excluded.value WHERE fact.value < $3 OR substr(fact.value, 22) = $4",
        );
        let hold = hold.bind(BACKUP).bind(format!("{until:020} {by}")).bind(format!("{now:020}")).bind(by);
        Ok(hold.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Whether a backup is being made.
    pub async fn is_held_for_backup(&self, now: Micros) -> Result<bool> {
        let held = self.fact(BACKUP).await?;
        let until = held.and_then(|value| value.get(..20)?.parse::<Micros>().ok());
        Ok(until.is_some_and(|until| until >= now))
    }

    /// Ends the hold.
    pub async fn release_backup(&self, by: &str) -> Result<()> {
        let release = sqlx::query("DELETE FROM fact WHERE name = $1 AND substr(value, 22) = $2");
        release.bind(BACKUP).bind(by).execute(&self.writer).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_backup_at_a_time_holds_off_the_collection_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        assert!(!db.is_held_for_backup(100).await.unwrap());
        assert!(db.hold_for_backup("one", 100, 200).await.unwrap());
        assert!(db.is_held_for_backup(150).await.unwrap());
        assert!(!db.hold_for_backup("two", 150, 250).await.unwrap());
        assert!(db.hold_for_backup("one", 150, 250).await.unwrap());
        assert!(db.hold_for_backup("two", 300, 400).await.unwrap(), "the first one was killed");
        assert!(!db.hold_for_backup("one", 310, 500).await.unwrap(), "it lost the hold, and hears of it");
        db.release_backup("two").await.unwrap();
        assert!(!db.is_held_for_backup(310).await.unwrap());
    }
}

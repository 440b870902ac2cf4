//! Rolling upgrades: which programs may use a database that a newer one has migrated.
//!
//! While the servers of one installation are replaced in turn, two versions work on one database. So the schema changes in
//! three parts:
//!
//! 1. *Expand*: a step adds tables, columns that have a default or may be NULL, and indexes. Programs of before do not name
//!    what they do not know, and go on.
//! 2. *Migrate*: programs of that release write the new and the old place, and fill the new one from the old one.
//! 3. *Contract*: once a release neither reads nor writes the old place, a step of a later one takes it away. It stands in
//!    [`CONTRACTS`], and closes the database to programs from before that release.
//!
//! The tests below refuse every other step. What they cannot see is for you to keep: a column keeps its meaning, and no row
//! gets a word that the program of before cannot read (`db/columns` says which words may be new).

use crate::bad;
use crate::error::{Error, Result};
use sqlx::{AnyPool, Row};

/// A step of the schema that takes something away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contract {
    step: i64,
    /// The newest step that the first release without what it takes away knew: programs that know less are refused.
    needs: i64,
    /// That release. It is for whoever reads this.
    #[cfg_attr(not(test), expect(dead_code, reason = "said to people, and tested"))]
    unused_since: &'static str,
}

/// All steps that take something away. There is none yet.
const CONTRACTS: &[Contract] = &[];

/// The fact that holds the newest `needs` of the steps that were taken.
const NEEDS: &str = "schema needs";

/// How this program's schema and the database's stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaView {
    /// The last step that was taken.
    pub database: i64,
    /// The last step that this program knows.
    pub program: i64,
    /// A program must know this one.
    pub needs: i64,
}

impl SchemaView {
    /// Whether a newer program has migrated the database.
    pub fn is_newer(&self) -> bool {
        self.database > self.program
    }

    /// # Errors
    /// `Unavailable` if a newer program took away what this one uses.
    pub fn permit(&self) -> Result<()> {
        if self.needs <= self.program {
            return Ok(());
        }
        Err(Error::Unavailable(self.refusal()))
    }

    fn refusal(&self) -> String {
        format!(
            "a newer wheelwright wrote this database (its schema is at step {} and needs a version that knows step {}, this \
             one knows {}): start the newer version, or restore a backup from before the upgrade",
            self.database, self.needs, self.program
        )
    }
}

/// How the schema stands for a program whose last step is `program`.
pub(super) async fn schema(pool: &AnyPool, program: i64) -> Result<SchemaView> {
    let row = sqlx::query(
        "SELECT cast(coalesce(max(version), 0) AS bigint) AS newest, \
         (SELECT value FROM fact WHERE name = $1) AS needs FROM _sqlx_migrations",
    );
    let row = row.bind(NEEDS).fetch_one(pool).await?;
    let needs: Option<String> = row.try_get("needs")?;
    // What cannot be read was written by a program that knows better.
    let needs = needs.map_or(0, |text| text.parse().unwrap_or(i64::MAX));
    Ok(SchemaView { database: row.try_get("newest")?, program, needs })
}

/// Whether a program whose last step is `program` may use a database that knows later ones.
///
/// # Errors
/// `Bad` if one of those took away what this program uses.
pub(super) async fn permit(pool: &AnyPool, program: i64) -> Result<()> {
    let schema = schema(pool, program).await?;
    schema.permit().map_err(|_| bad!("{}", schema.refusal()))
}

/// What a step that takes something away does besides, in the same transaction: it closes the database to programs that
/// use it.
pub(super) fn closing(step: i64) -> String {
    CONTRACTS.iter().find(|contract| contract.step == step).map(closes).unwrap_or_default()
}

fn closes(contract: &Contract) -> String {
    let needs = contract.needs;
    format!(
        ";\nINSERT INTO fact (name, value) VALUES ('{NEEDS}', '{needs}') ON CONFLICT (name) DO UPDATE SET value = excluded.value \
         WHERE cast(fact.value AS bigint) < {needs};\n"
    )
}

#[cfg(test)]
mod tests;

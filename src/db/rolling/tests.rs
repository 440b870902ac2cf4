//! What a step of the schema may do, as far as a machine can tell.

use super::*;
use crate::db::Db;
use crate::packaging::version;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The steps up to here are of the time before the first release: no program that anybody has must work beside them.
/// Until then it may be raised.
const FIRST_RELEASE: i64 = 34;

/// The text of each step.
fn steps() -> BTreeMap<i64, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let numbered = files.map(|path| {
        let number = path.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().parse().unwrap();
        (number, std::fs::read_to_string(&path).unwrap())
    });
    numbered.collect()
}

/// The statements of a text, on one line each, without comments.
fn statements(sql: &str) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join("\n");
    let statements = text.split(';').map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "));
    statements.filter(|one| !one.is_empty()).collect()
}

/// What of a step a program of before does not bear.
fn breaks(sql: &str) -> Vec<String> {
    let (mut made, mut wrong) = (BTreeSet::new(), Vec::new());
    for statement in statements(sql) {
        let upper = statement.to_ascii_uppercase();
        let words: Vec<&str> = upper.split([' ', '(']).collect();
        let on = words.iter().position(|word| *word == "ON").and_then(|at| words.get(at + 1));
        // Programs of before delete the rows that it refers to.
        let leaves_them = upper.matches("REFERENCES").count() <= upper.matches("ON DELETE").count();
        let bears = match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                made.insert((*name).to_owned());
                leaves_them
            }
            ["CREATE", "INDEX", ..] | ["INSERT", "INTO", ..] | ["UPDATE", ..] => true,
            ["CREATE", "UNIQUE", "INDEX", ..] => on.is_some_and(|table| made.contains(*table)),
            ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => {
                let has_value = !upper.contains("NOT NULL") || upper.contains(" DEFAULT ");
                has_value
                    && leaves_them
                    && !["UNIQUE", "PRIMARY KEY", "CHECK"].iter().any(|no| upper.contains(no))
            }
            _ => false,
        };
        if !bears {
            wrong.push(statement);
        }
    }
    wrong
}

#[test]
fn what_a_program_of_before_does_not_bear_is_seen() {
    for sql in [
        "DROP TABLE build",
        "ALTER TABLE build DROP COLUMN tools",
        "ALTER TABLE build RENAME COLUMN tools TO things",
        "ALTER TABLE build RENAME TO job",
        "ALTER TABLE build ADD COLUMN size BIGINT NOT NULL",
        "ALTER TABLE build ADD COLUMN name TEXT UNIQUE",
        "ALTER TABLE build ADD COLUMN name TEXT REFERENCES account (name)",
        "ALTER TABLE build\n  ALTER COLUMN name SET NOT NULL -- DEFAULT ",
        "CREATE UNIQUE INDEX one ON build (name)",
        "CREATE TABLE more (name TEXT REFERENCES account (name))",
        "DELETE FROM build",
        "CREATE TRIGGER t BEFORE INSERT ON build EXECUTE FUNCTION f()",
        "CREATE TABLE ok (a TEXT); DROP INDEX build_state",
    ] {
        assert_eq!(breaks(sql).len(), 1, "{sql}");
    }
    for sql in [
        "-- DROP TABLE build; not at all\nCREATE TABLE more (a TEXT, b TEXT REFERENCES account (name) ON DELETE CASCADE)",
        "CREATE TABLE more (a TEXT); CREATE UNIQUE INDEX more_a ON more (a)",
        "ALTER TABLE build ADD COLUMN size BIGINT;\nCREATE INDEX build_size ON build (size) WHERE size > 0;",
        "ALTER TABLE build ADD COLUMN size BIGINT NOT NULL DEFAULT 0; UPDATE build SET size = 1",
        "INSERT INTO more (a) SELECT name FROM account",
    ] {
        assert!(breaks(sql).is_empty(), "{sql}");
    }
}

#[test]
fn each_step_since_the_first_release_adds_or_is_marked() {
    for (number, sql) in steps().range(FIRST_RELEASE + 1..) {
        let marked = CONTRACTS.iter().any(|contract| contract.step == *number);
        let wrong = breaks(sql);
        assert!(
            marked || wrong.is_empty(),
            "step {number} takes something from programs of before: {wrong:#?}. Read src/db/rolling.rs"
        );
        assert!(!marked || !wrong.is_empty(), "step {number} is marked and takes nothing away");
    }
}

#[test]
fn what_is_marked_says_since_when_it_is_unused() {
    for contract in CONTRACTS {
        let Contract { step, needs, unused_since } = contract;
        assert!(steps().contains_key(step) && steps().contains_key(needs), "{contract:?}");
        assert!(needs < step, "{contract:?}: the release before can run beside it");
        assert!(version::parse(unused_since).is_some(), "{contract:?}");
    }
}

#[test]
fn statements_name_the_columns_that_they_mean() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ");
            seen += text.matches("INSERT INTO ").count();
            // Written in two parts, so that this file has none itself.
            for whole in [concat!("SELECT", " * FROM"), concat!("RETURNING", " *")] {
                assert!(!text.contains(whole), "{}: {whole}", path.display());
            }
            for insert in text.split(concat!("INSERT", " INTO ")).skip(1) {
                let named = insert.split(' ').nth(1).is_some_and(|next| next.starts_with(['(', '{']));
                assert!(named || path.ends_with("rolling/tests.rs"), "{}: {insert:.80}", path.display());
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

#[tokio::test]
async fn a_step_that_takes_away_closes_the_database_to_those_who_know_less() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", folder.path().join("x.db").display())).await.unwrap();
    let view = db.schema().await.unwrap();
    let known = view.program;
    assert_eq!(view, SchemaView { database: known, program: known, needs: 0 });
    for (needs, then) in [(known, known), (known - 1, known), (known + 1, known + 1)] {
        let sql = closes(&Contract { step: known + 2, needs, unused_since: "9" });
        let sql = sqlx::AssertSqlSafe(sql.trim_start_matches(';').to_owned());
        sqlx::raw_sql(sql).execute(&db.writer).await.unwrap();
        let view = db.schema().await.unwrap();
        assert_eq!((view.needs, view.permit().is_ok()), (then, then <= known));
    }
    let refusal = permit(&db.pool, known).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("knows step {}", known + 1)), "{refusal}");
}

//! Looking for projects by words.

use super::Db;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};

/// Which rows may fit: words in lower case.
#[derive(Clone, Debug, Default)]
pub struct WordFilter<'a> {
    /// Parts of normalised names.
    pub names: Vec<&'a str>,
    /// Parts of any field of the metadata.
    pub texts: Vec<&'a str>,
    /// Both are wanted, not one of them.
    pub all: bool,
}

impl Db {
    /// Projects of a stage with a release that may fit, at most `limit`. Whether one does, its metadata says.
    pub async fn projects_with_words(
        &self,
        index: &IndexName,
        words: &WordFilter<'_>,
        limit: i64,
    ) -> Result<Vec<ProjectName>> {
        let (conditions, patterns) = words.conditions();
        let query = format!(
            "SELECT DISTINCT project FROM release WHERE index_name = $1 AND ({conditions}) ORDER BY project LIMIT $2"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(index).bind(limit);
        let query = patterns.into_iter().fold(query, |query, pattern| query.bind(pattern));
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Projects of a mirror of which it keeps a file, and whose name has one of these parts.
    pub async fn kept_projects_with_words(
        &self,
        index: &IndexName,
        names: &[&str],
        limit: i64,
    ) -> Result<Vec<ProjectName>> {
        let words = WordFilter { names: names.to_vec(), ..WordFilter::default() };
        let (conditions, patterns) = words.conditions();
        let query = format!(
            "SELECT DISTINCT project FROM file WHERE index_name = $1 AND deleted_at IS NULL AND ({conditions}) \
             ORDER BY project LIMIT $2"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(index).bind(limit);
        let query = patterns.into_iter().fold(query, |query, pattern| query.bind(pattern));
        Ok(query.fetch_all(&self.pool).await?)
    }
}

impl WordFilter<'_> {
    /// The condition, and the patterns for its places from `$3` on.
    fn conditions(&self) -> (String, Vec<String>) {
        let (mut groups, mut patterns) = (Vec::new(), Vec::new());
        for (column, words) in [("project", &self.names), ("lower(metadata)", &self.texts)] {
            let mut each = Vec::new();
            for word in words {
                each.push(format!("{column} LIKE ${} ESCAPE '!'", patterns.len() + 3));
                // Texts are in JSON, which writes some characters in another way.
                let written = serde_json::Value::from(*word).to_string();
                let written =
                    written.trim_matches('"').replace('!', "!!").replace('%', "!%").replace('_', "!_");
                patterns.push(format!("%{written}%"));
            }
            if !each.is_empty() {
                groups.push(format!("({})", each.join(" OR ")));
            }
        }
        match groups.is_empty() {
            true => ("1 = 0".to_owned(), patterns),
            false => (groups.join(if self.all { " AND " } else { " OR " }), patterns),
        }
    }
}

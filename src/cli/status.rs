//! `wheelwright status`: what an installation holds, whether or not a server runs.

use super::table;
use crate::config::load::ResolvedConfig;
use crate::config::secret_url::masked;
use crate::config::units::rounded;
use crate::db::Db;
use crate::error::Result;
use crate::missing;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct StatusCommand {
    /// One object
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = &resolved.config;
        if !super::installation::has_database(config)? {
            let data = config.data.display();
            return Err(missing!("{data} is not a data folder: choose one with --data"));
        }
        let db = Db::open(&config.database_url()).await?;
        let storage = match &config.storage {
            Some(url) => masked(url),
            None => config.data.join("blobs").display().to_string(),
        };
        let (counts, serial) = (db.counts().await?, db.serial().await?);
        let last = db.events_after(serial.saturating_sub(1), 1).await?;
        let changed = last.first().and_then(|event| jiff::Timestamp::from_microsecond(event.at).ok());
        let status = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "database": {
                "engine": db.engine().name(),
                "engine_version": db.engine_version().await?,
                "url": masked(&config.database_url()),
                "schema_version": db.schema_version().await?,
            },
            "storage": storage,
            "users": counts.users,
            "indexes": counts.indexes,
            "projects": counts.projects,
            "files": counts.files,
            "mirrored_files": counts.mirrored_files,
            "bytes": counts.bytes,
            "serial": serial,
            "last_change": changed.map(|at| at.to_string()),
        });
        if self.json {
            table::json(&status)?
        } else {
            told(&status)?
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The same for people: a line each.
fn told(status: &Value) -> Result<()> {
    let at = |pointer: &str| status.pointer(pointer).map(table::plain).unwrap_or_default();
    let database =
        format!("{} {}, {}", at("/database/engine"), at("/database/engine_version"), at("/database/url"));
    let bytes = status.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    let line = |name: &str, value: String| vec![name.to_owned(), value];
    table::rows(&[
        line("wheelwright", at("/version")),
        line("database", database),
        line("schema", at("/database/schema_version")),
        line("storage", at("/storage")),
        line("users", at("/users")),
        line("indexes", at("/indexes")),
        line("projects", at("/projects")),
        line("files", format!("{} ({} mirrored)", at("/files"), at("/mirrored_files"))),
        line("bytes", format!("{bytes} ({})", rounded(bytes))),
        line("serial", at("/serial")),
        line("last change", at("/last_change")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_in_units() {
        let told = [0, 1000, 5 << 20, (3 << 30) + 7].map(rounded);
        assert_eq!(told[2..], ["5 MiB", "3 GiB"]);
        assert!(told[1].starts_with("1000"), "{told:?}");
    }
}

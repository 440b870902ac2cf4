//! `wheelwright fsck`: checks that every row has its bytes and every blob its hash.

use super::table;
use crate::app::App;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::db::Db;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::index::fsck::{BlobFault, BlobProblem, FsckReport, fsck};
use crate::missing;
use crate::store::Store;
use crate::transfer::backup::{BackupKey, BackupPlace, OpenBackup};
use crate::transfer::repair::{BlobRepair, RepairPlace, repair};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exits 0 if nothing is lost or damaged, 1 if something is.
#[derive(clap::Args, Debug)]
pub struct FsckCommand {
    /// Compare names and sizes only, without reading every byte
    #[arg(long)]
    quick: bool,
    /// Repair what can be repaired: mirrored files come from their upstream, others from --from
    #[arg(long)]
    repair: bool,
    /// A place of backups to take bytes from: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", requires = "repair")]
    from: Option<String>,
    /// The backup to take them from: a name, a time or a day [default: the newest]
    #[arg(long, value_name = "TIME", requires = "from")]
    at: Option<String>,
    /// The file with the key that decrypts the backup
    #[arg(long, value_name = "FILE", requires = "from")]
    key: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl FsckCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = resolved.config;
        if !super::installation::has_database(&config)? {
            return Err(missing!(
                "{} has no data to check: choose the data folder with --data",
                config.data.display()
            ));
        }
        if self.repair {
            return self.repair(config).await;
        }
        let db = Db::open(&config.database_url()).await?;
        let store = Store::open(&config).await?;
        let mirrors = mirrors(&Directory::load(&db).await?);
        let report = fsck(&db, &store, !self.quick, counting()).await?;
        let text = if self.json {
            serde_json::to_string_pretty(&report).map_err(Error::internal)?
        } else {
            told(&report, &mirrors)
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(if report.clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn repair(self, config: Config) -> Result<ExitCode> {
        let backup = match &self.from {
            Some(place) => {
                let key = self.key.as_deref().map(BackupKey::read).transpose()?;
                let place = BackupPlace::parse(place, &config.s3)?;
                Some(OpenBackup::open(place, key, self.at.as_deref()).await?)
            }
            None => None,
        };
        let app = App::open(config).await?;
        let report = fsck(&app.db, &app.store, !self.quick, counting()).await?;
        let place =
            RepairPlace { db: &app.db, store: &app.store, indexes: &app.indexes, from: backup.as_ref() };
        let repairs = repair(place, &report.faults).await?;
        let is_whole = repairs.iter().all(|repair| repair.repaired_from.is_some());
        let said: Vec<String> = repairs.iter().map(repaired).collect();
        let said = if said.is_empty() { "nothing is lost or damaged".into() } else { said.join("\n") };
        table::done(&said, &json!({ "found": report, "repairs": repairs }), self.json)?;
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn repaired(repair: &BlobRepair) -> String {
    let (sha256, users) = (&repair.sha256, repair.used_by.join(", "));
    match (&repair.repaired_from, &repair.advice) {
        (Some(from), _) => format!("repaired: blob {sha256} from {from}: {users}"),
        (None, advice) => {
            format!("not repaired: blob {sha256}: {users}: {}", advice.as_deref().unwrap_or_default())
        }
    }
}

/// Draws on a terminal only.
fn counting() -> impl FnMut(u64, u64) {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::default_bar());
    move |checked, referred| {
        bar.set_length(referred.max(checked));
        bar.set_position(checked);
        if checked >= referred {
            bar.finish_and_clear();
        }
    }
}

fn mirrors(directory: &Directory) -> BTreeSet<String> {
    let mirrors = directory.indexes.values().filter(|index| index.is_mirror());
    mirrors.map(|index| index.name.to_string()).collect()
}

/// The report for people. What `mirrors` lost comes back by itself.
fn told(report: &FsckReport, mirrors: &BTreeSet<String>) -> String {
    let told = |found: &BlobFault| match comes_back(found, mirrors) {
        true => format!("{} (the server fetches it again when a client requests it)", fault(found)),
        false => fault(found),
    };
    let mut lines: Vec<String> = report.faults.iter().map(told).collect();
    if !report.orphans.is_empty() {
        let bytes: u64 = report.orphans.iter().map(|orphan| orphan.size).sum();
        lines.push(format!(
            "{} blobs ({bytes} bytes) do not belong to a file. They are harmless; `wheelwright gc` removes \
             them",
            report.orphans.len()
        ));
    }
    if report.in_flight > 0 {
        lines.push(format!(
            "{} blobs are less than an hour old and do not belong to a file yet",
            report.in_flight
        ));
    }
    let how = if report.deep { "read and hashed" } else { "measured" };
    let verdict = match report.faults.len() {
        0 => "nothing is lost".to_owned(),
        n if report.faults.iter().all(|fault| comes_back(fault, mirrors)) => {
            format!("{n} are missing in mirrors; the server fetches them again when a client requests them")
        }
        n => format!(
            "{n} are lost or damaged: wheelwright fsck --repair repairs what it can, with --from PLACE also from a \
             backup"
        ),
    };
    lines.push(format!("{} blobs {how}, {} in use: {verdict}", report.blobs, report.references));
    lines.join("\n")
}

/// Whether only mirrors miss it: they ask their upstream again.
fn comes_back(fault: &BlobFault, mirrors: &BTreeSet<String>) -> bool {
    let mirrored = |used_by: &String| {
        let file = used_by.strip_prefix("METADATA of ").unwrap_or(used_by);
        file.split_once(' ').is_some_and(|(index, _)| mirrors.contains(index))
    };
    fault.problem == BlobProblem::Missing && fault.used_by.iter().all(mirrored)
}

pub fn fault(fault: &BlobFault) -> String {
    let problem = match fault.problem {
        BlobProblem::Missing => "is missing".to_owned(),
        BlobProblem::WrongSize { expected, found } => format!("has {found} bytes instead of {expected}"),
        BlobProblem::WrongHash => "does not match its hash".to_owned(),
    };
    format!("blob {} {problem}: {}", fault.sha256, fault.used_by.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_wrong_and_what_to_do() {
        let mirrors = BTreeSet::from(["root/pypi".to_owned()]);
        let mut report = FsckReport { deep: true, references: 3, blobs: 2, ..FsckReport::default() };
        assert_eq!(told(&report, &mirrors), "2 blobs read and hashed, 3 in use: nothing is lost");
        let used_by = vec!["alice/dev demo-1.0.tar.gz".to_owned()];
        report.faults.push(BlobFault { sha256: "ab".into(), problem: BlobProblem::Missing, used_by });
        assert_eq!(
            told(&report, &mirrors),
            "blob ab is missing: alice/dev demo-1.0.tar.gz\n2 blobs read and hashed, 3 in use: 1 are lost or \
             damaged: wheelwright fsck --repair repairs what it can, with --from PLACE also from a backup"
        );
        report.faults[0].used_by = vec!["METADATA of root/pypi six-1.0.whl".to_owned()];
        assert_eq!(
            told(&report, &mirrors),
            "blob ab is missing: METADATA of root/pypi six-1.0.whl (the server fetches it again when a \
             client requests it)\n2 blobs read and hashed, 3 in use: 1 are missing in mirrors; the server \
             fetches them again when a client requests them"
        );
    }
}

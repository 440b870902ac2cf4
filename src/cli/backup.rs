//! `wheelwright backup`: everything that an installation has, in a folder or a bucket.

mod look;

use super::progress::counted;
use super::table;
use crate::config::load::ResolvedConfig;
use crate::config::secret_url::masked;
use crate::db::Db;
use crate::error::Result;
use crate::store::Store;
use crate::transfer::backup::{
    BackupFault, BackupKey, BackupOrder, BackupPlace, BackupRecipient, BackupReport, BackupSource,
    OpenBackup, back_up, list,
};
use crate::{bad, missing};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupCommand {
    #[command(subcommand)]
    other: Option<BackupSubcommand>,
    /// A folder, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE", required = true)]
    place: Option<String>,
    /// Encrypt to this public key of age; a file with a key works, too; may be repeated
    #[arg(long, value_name = "KEY")]
    encrypt_to: Vec<String>,
    /// Keep the newest N backups of this place and remove the others
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Read all of the backup afterwards and compare every hash
    #[arg(long)]
    verify: bool,
    /// The file with the key that decrypts, for --verify
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand, Debug)]
pub enum BackupSubcommand {
    /// List the backups of a place
    List {
        /// A folder, or s3://BUCKET/PREFIX
        #[arg(value_name = "PLACE")]
        place: String,
        #[arg(long)]
        json: bool,
    },
    /// Read all of a backup and compare every hash
    Verify {
        #[command(flatten)]
        which: BackupChoice,
        #[arg(long)]
        json: bool,
    },
    /// Serve the indexes as they were in a backup, for reading alone, without restoring it
    Look {
        #[command(flatten)]
        which: BackupChoice,
        /// Address and port; port 0 picks a free one
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3143")]
        listen: String,
    },
    /// Make a key that decrypts backups, and print the public key to encrypt them to
    Key {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Which backup a command reads.
#[derive(clap::Args, Debug)]
pub struct BackupChoice {
    /// A folder, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE")]
    place: String,
    /// The newest backup that is not younger than this: a name, a time or a day [default: the newest]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The file with the key that decrypts
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl BackupChoice {
    pub async fn open(&self, resolved: &ResolvedConfig) -> Result<OpenBackup> {
        let place = BackupPlace::parse(&self.place, &resolved.config.s3)?;
        let key = self.key.as_deref().map(BackupKey::read).transpose()?;
        OpenBackup::open(place, key, self.at.as_deref()).await
    }
}

impl BackupCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        match self.other {
            None => self.make(resolved).await,
            Some(BackupSubcommand::List { place, json }) => {
                listed(&BackupPlace::parse(&place, &resolved.config.s3)?, json).await
            }
            Some(BackupSubcommand::Verify { which, json }) => {
                let backup = which.open(&resolved).await?;
                verified(&backup, json).await
            }
            Some(BackupSubcommand::Look { which, listen }) => {
                look::look(&which.open(&resolved).await?, &listen, &resolved).await
            }
            Some(BackupSubcommand::Key { file }) => {
                let key = BackupKey::create(&file)?;
                table::line(&key.recipient().to_string())?;
                eprintln!(
                    "keep {} in another place than the backups: without it nobody can read them",
                    file.display()
                );
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    async fn make(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = resolved.config;
        if !super::installation::has_database(&config)? {
            let data = config.data.display();
            return Err(missing!("{data} is not a data folder: choose one with --data"));
        }
        let text = self.place.unwrap_or_default();
        let place = BackupPlace::parse(&text, &config.s3)?;
        let encrypt_to =
            self.encrypt_to.iter().map(|text| BackupRecipient::parse(text)).collect::<Result<Vec<_>>>()?;
        if self.keep == Some(0) {
            return Err(bad!("--keep 0 would remove the new backup, too: keep at least 1"));
        }
        let key = self.key.as_deref().map(BackupKey::read).transpose()?;
        if self.verify && !encrypt_to.is_empty() && key.is_none() {
            return Err(bad!("--verify needs the key that decrypts the backup: name its file with --key"));
        }
        let db = Db::open(&config.database_url()).await?;
        let store = Store::open(&config).await?;
        let source = BackupSource { config: &config, db: &db, store: &store };
        let order = BackupOrder { place: place.clone(), encrypt_to, keep: self.keep };
        let report = back_up(source, order, &counted()).await?;
        let faults = match self.verify {
            true => {
                let backup = OpenBackup::open(place, key, Some(&report.backup)).await?;
                backup.verify(&counted()).await?
            }
            false => Vec::new(),
        };
        let said = told(&report, &masked(&text), self.verify, &faults);
        table::done(&said, &json!({ "report": report, "faults": faults }), self.json)?;
        let is_sound = report.lost.is_empty() && faults.is_empty();
        Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn told(report: &BackupReport, place: &str, verified: bool, faults: &[BackupFault]) -> String {
    let BackupReport { backup, rows, blobs, bytes, copied, copied_bytes, left_out, lost, removed, .. } =
        report;
    let mut lines = vec![format!(
        "backup {backup} in {place}: {rows} rows, {blobs} files and documents ({bytes} bytes); {copied} of them \
         are new ({copied_bytes} bytes)"
    )];
    if !removed.is_empty() {
        lines.push(format!("removed older backups: {}", removed.join(", ")));
    }
    for name in left_out {
        lines.push(format!("not in the backup: {name} in the data folder (too large, or not a file)"));
    }
    if !lost.is_empty() {
        lines.push(format!(
            "not in the backup: {} blobs that the server itself does not have whole. Run wheelwright fsck",
            lost.len()
        ));
    }
    lines.extend(faults.iter().map(|fault| format!("damaged: {fault}")));
    if verified && faults.is_empty() {
        lines.push("every byte of the backup was read and is right".to_owned());
    }
    lines.join("\n")
}

async fn listed(place: &BackupPlace, as_json: bool) -> Result<ExitCode> {
    let found = list(place).await?;
    let names: Vec<String> = found.whole.iter().map(ToString::to_string).collect();
    if as_json {
        table::json(&json!({
            "backups": names, "broken_off": found.broken_off, "encrypted_to": found.encrypted_to,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["BACKUP", "TIME"].map(str::to_owned).to_vec()];
    rows.extend(found.whole.iter().map(|name| vec![name.to_string(), name.moment().second()]));
    table::rows(&rows)?;
    for name in &found.broken_off {
        eprintln!("{name} was broken off: it is not a backup. The next backup with --keep removes it");
    }
    for key in &found.encrypted_to {
        eprintln!("encrypted to {key}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn verified(backup: &OpenBackup, as_json: bool) -> Result<ExitCode> {
    let faults = backup.verify(&counted()).await?;
    let said = match faults.as_slice() {
        [] => format!("backup {}: every byte was read and is right", backup.name),
        faults => faults.iter().map(|fault| format!("damaged: {fault}")).collect::<Vec<_>>().join("\n"),
    };
    table::done(&said, &json!({ "backup": backup.name.to_string(), "faults": faults }), as_json)?;
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

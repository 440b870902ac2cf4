//! Reading backups: which there are, and whether one is whole.

use super::manifest::{BackupManifest, BackupName, FilePart, TablePart};
use super::seal::BackupKey;
use super::vault::{Measured, Vault, blob_path};
use super::{AT_ONCE, BackupPlace, ByteStream, files, rows};
use crate::error::{Error, Result};
use crate::store::BlobKey;
use crate::transfer::ProgressWatch;
use crate::words::Moment;
use crate::{bad, lost, missing};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The backups of a place, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct BackupList {
    pub whole: Vec<BackupName>,
    /// Those that were broken off: they have no manifest.
    pub broken_off: Vec<String>,
    pub encrypted_to: Vec<String>,
}

/// A part of a backup that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupFault {
    pub part: String,
    pub problem: String,
}

impl std::fmt::Display for BackupFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.part, self.problem)
    }
}

/// Lists the backups of a place.
pub async fn list(place: &BackupPlace) -> Result<BackupList> {
    let (vault, note) = Vault::for_reading(place.clone(), None).await?;
    Ok(BackupList { encrypted_to: note.encrypted_to, ..listed(&vault).await? })
}

pub(super) async fn listed(vault: &Vault) -> Result<BackupList> {
    let (mut all, mut whole) = (BTreeSet::new(), BTreeSet::new());
    for (path, _) in vault.place.list("backups").await? {
        if let Some((name, rest)) = path.split_once('/') {
            all.insert(name.to_owned());
            if let (Ok(name), "manifest.json") = (name.parse::<BackupName>(), rest) {
                whole.insert(name);
            }
        }
    }
    let is_whole = |name: &String| name.parse().is_ok_and(|name: BackupName| whole.contains(&name));
    all.retain(|name| !is_whole(name));
    Ok(BackupList {
        whole: whole.into_iter().collect(),
        broken_off: all.into_iter().collect(),
        encrypted_to: Vec::new(),
    })
}

/// Where the blobs of a place are, as a store has them.
pub enum BlobPlace {
    Folder(PathBuf),
    Bucket(String),
}

/// One backup, to be read.
pub struct OpenBackup {
    pub name: BackupName,
    pub manifest: BackupManifest,
    pub(super) vault: Vault,
}

impl OpenBackup {
    /// The newest backup, or the newest one that is not younger than `at`.
    ///
    /// # Errors
    /// `Missing` if there is none; `Bad` if a key is needed or its format is unknown.
    pub async fn open(place: BackupPlace, key: Option<BackupKey>, at: Option<&str>) -> Result<Self> {
        let (vault, _) = Vault::for_reading(place, key).await?;
        let there = listed(&vault).await?;
        let until = at.map(moment).transpose()?;
        let fits = |name: &&BackupName| until.is_none_or(|until| name.moment() <= until);
        let name = there.whole.iter().rev().find(fits).ok_or_else(|| {
            let place = vault.place.name();
            match (there.whole.first(), there.broken_off.len()) {
                (Some(first), _) => missing!(
                    "{place} has no backup of that time: the first one is {first}. See wheelwright backup list"
                ),
                (None, 0) => missing!("{place} has no backup yet"),
                (None, n) => missing!("{place} has no whole backup: {n} were broken off. Make a new one"),
            }
        })?;
        Self::read(&vault, *name).await
    }

    /// Where a server can read the blobs as they are.
    ///
    /// # Errors
    /// `Bad` if they are encrypted.
    pub fn blob_place(&self) -> Result<BlobPlace> {
        match &self.vault.place {
            _ if self.vault.is_encrypted() => Err(bad!(
                "an encrypted backup can only be restored: use wheelwright restore with an empty folder"
            )),
            BackupPlace::Folder(path) => Ok(BlobPlace::Folder(path.join("blobs"))),
            BackupPlace::Bucket(url, _) => Ok(BlobPlace::Bucket(format!("{url}/blobs"))),
        }
    }

    pub(super) async fn read(vault: &Vault, name: BackupName) -> Result<Self> {
        let path = format!("{}/manifest.json", name.folder());
        let bytes = vault.place.get(&path).await?.ok_or_else(|| lost!("{path} is missing"))?;
        let manifest = serde_json::from_slice(&bytes).map_err(|why| {
            lost!("{}/{path} is damaged: {why}. Choose another backup with --at", vault.place.name())
        })?;
        Ok(Self { name, manifest, vault: vault.clone() })
    }

    /// The blobs of this backup, and their bytes.
    pub async fn blobs(&self) -> Result<Vec<(BlobKey, u64)>> {
        let path = format!("{}/blobs.txt.gz", self.name.folder());
        let lines = self.vault.lines(&path, &self.manifest.blobs.sha256).await?;
        let parsed = lines.iter().map(|line| {
            let (key, size) = line.split_once(' ')?;
            Some((BlobKey::parse(key)?, size.parse().ok()?))
        });
        let all: Option<Vec<_>> = parsed.collect();
        all.ok_or_else(|| lost!("{path} has a line that names no blob"))
    }

    /// A blob as it was; whoever reads it checks its hash.
    pub async fn blob(&self, key: BlobKey) -> Result<Option<ByteStream>> {
        self.vault.get(&blob_path(key)).await
    }

    /// The rows of a table.
    pub(super) async fn rows(&self, part: &TablePart) -> Result<BoxStream<'static, Result<Vec<Value>>>> {
        let path = self.table_path(part);
        let found = self.vault.get(&path).await?.ok_or_else(|| lost!("{path} is missing"))?;
        let lines = rows::unpacked(found, path.clone());
        let values = lines.and_then(move |line| {
            let row = serde_json::from_str(&line).map_err(|why| lost!("{path} is damaged: {why}"));
            async move { row }
        });
        Ok(values.boxed())
    }

    fn table_path(&self, part: &TablePart) -> String {
        format!("{}/tables/{}.jsonl.gz", self.name.folder(), part.table.name)
    }

    /// Reads tables and files, and looks whether each blob is there: what a restore must know before it writes.
    ///
    /// # Errors
    /// `Bad` without the key that it needs, or with a wrong one.
    pub async fn check(&self) -> Result<Vec<BackupFault>> {
        let mut faults = Vec::new();
        for part in &self.manifest.tables {
            note(&mut faults, self.table_path(part), self.check_table(part).await)?;
        }
        for part in &self.manifest.files {
            note(&mut faults, format!("the file {}", part.path), self.check_file(part).await)?;
        }
        let there = self.vault.blobs().await?;
        match self.blobs().await {
            Err(Error::Lost(problem)) => {
                faults.push(BackupFault { part: "the list of blobs".into(), problem });
            }
            Err(other) => return Err(other),
            Ok(blobs) => {
                for (key, size) in blobs {
                    let problem = match there.get(&key) {
                        None => "is missing".to_owned(),
                        Some(found) if !self.vault.is_encrypted() && *found != size => {
                            format!("has {found} bytes instead of {size}")
                        }
                        Some(_) => continue,
                    };
                    faults.push(BackupFault { part: format!("blob {key}"), problem });
                }
            }
        }
        Ok(faults)
    }

    /// Reads every byte.
    pub async fn verify(&self, progress: ProgressWatch<'_>) -> Result<Vec<BackupFault>> {
        let mut faults = self.check().await?;
        let known: BTreeSet<String> = faults.iter().map(|fault| fault.part.clone()).collect();
        let blobs = self.blobs().await.unwrap_or_default();
        let (all, mut read, mut seen) = (blobs.len() as u64, 0, BTreeSet::new());
        let there = blobs.into_iter().filter(|(key, _)| !known.contains(&format!("blob {key}")));
        let each =
            stream::iter(there).map(async |(key, _)| Ok::<_, Error>((key, self.check_blob(key).await)));
        let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
        while let Some((key, checked)) = each.try_next().await? {
            note(&mut faults, format!("blob {key}"), checked)?;
            seen.insert(key.to_string());
            read += 1;
            progress("blobs", read, all);
        }
        let lost = self.manifest.lost.iter().filter(|sha256| !seen.contains(*sha256));
        faults.extend(lost.map(|sha256| BackupFault {
            part: format!("blob {sha256}"),
            problem: "is missing: the installation did not have it whole either".into(),
        }));
        Ok(faults)
    }

    async fn check_table(&self, part: &TablePart) -> Result<()> {
        let found = self.vault.get(&self.table_path(part)).await?.ok_or_else(|| lost!("is missing"))?;
        self.check_hash(found, &part.sha256).await
    }

    async fn check_file(&self, part: &FilePart) -> Result<()> {
        files::read(&self.vault, &self.name.folder(), part).await.map(drop)
    }

    async fn check_blob(&self, key: BlobKey) -> Result<()> {
        let found = self.blob(key).await?.ok_or_else(|| lost!("is missing"))?;
        self.check_hash(found, &key.to_string()).await
    }

    async fn check_hash(&self, bytes: ByteStream, sha256: &str) -> Result<()> {
        let measured = Measured::default();
        measured.through(bytes).try_for_each(async |_| Ok(())).await?;
        match measured.sha256() == sha256 {
            true => Ok(()),
            false => Err(lost!("does not match its hash")),
        }
    }
}

/// Damage is a fault of the backup; everything else ends the check.
fn note(faults: &mut Vec<BackupFault>, part: String, checked: Result<()>) -> Result<()> {
    match checked {
        Ok(()) => Ok(()),
        Err(Error::Lost(problem)) => {
            faults.push(BackupFault { part, problem });
            Ok(())
        }
        Err(other) => Err(other),
    }
}

/// A name of a backup, a time, or a day (its end).
fn moment(text: &str) -> Result<Moment> {
    if let Ok(name) = text.parse::<BackupName>() {
        return Ok(name.moment());
    }
    let time = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}T23:59:59Z").parse());
    time.map(|time| Moment(time.as_microsecond())).map_err(|_| {
        bad!("--at {text} is not a time: write it like 20261129T230000Z, 2026-11-29T23:00:00Z or 2026-11-29")
    })
}

//! What the operator has in the data folder beside database and blobs: recipes, programs, keys, the configuration.

use super::manifest::FilePart;
use super::vault::{Measured, Vault};
use crate::error::Result;
use crate::lost;
use crate::tools::scratch::make_private;
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use tokio::task::spawn_blocking;

/// Names in the data folder that a server makes again by itself, or that are carried in another way.
const OWN: [&str; 11] = [
    "blobs",
    "blobs.lock",
    "staging",
    "serving",
    "root-password",
    "worker",
    "compile",
    "tools",
    "uv",
    "build.lock",
    "search",
];

/// The database, with its sidecars.
const DATABASE: &str = "wheelwright.db";

/// The configuration: it comes back under another name, for it may name the old database.
pub(super) const CONFIGURATION: &str = "wheelwright.toml";
pub(super) const OLD_CONFIGURATION: &str = "wheelwright.toml.from-backup";

/// There for as long as a restore is not done.
pub(super) const MARKER: &str = "restoring.json";

/// Ends the name of a file that is not whole yet.
const HALF: &str = ".restoring";

/// Bytes of the largest file that is carried.
const LARGEST: u64 = 16 << 20;

/// Whether a name in the data folder is the server's own.
pub(super) fn is_own(name: &str) -> bool {
    OWN.contains(&name) || name.starts_with(DATABASE) || name == MARKER
}

/// Puts the files of the data folder into the vault; what is too large or no file is named instead.
pub(super) async fn carry(data: &Path, vault: &Vault, below: &str) -> Result<(Vec<FilePart>, Vec<String>)> {
    let (root, mut parts, mut left_out) = (data.to_owned(), Vec::new(), Vec::new());
    for path in spawn_blocking(move || found(&root)).await?? {
        let Some(name) = path.to_str().map(str::to_owned) else { continue };
        let from = data.join(&path);
        let is_gone = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
        let meta = match tokio::fs::symlink_metadata(&from).await {
            Err(error) if is_gone(&error) => continue,
            found => found?,
        };
        if !meta.is_file() || meta.len() > LARGEST {
            left_out.push(name);
            continue;
        }
        let bytes = match tokio::fs::read(&from).await {
            Err(error) if is_gone(&error) => continue,
            bytes => Bytes::from(bytes?),
        };
        let (size, measured) = (bytes.len() as u64, Measured::default());
        let stream = measured.through(stream::iter([Ok(bytes)]));
        vault.put(&format!("{below}/files/{name}"), size, stream).await?;
        let mode = meta.permissions().mode() & 0o777;
        parts.push(FilePart { path: name, mode, sha256: measured.sha256() });
    }
    Ok((parts, left_out))
}

fn found(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let is_top = folder.as_os_str().is_empty();
            if is_top && entry.file_name().to_str().is_none_or(is_own) {
                continue;
            }
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { &mut folders } else { &mut found }.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file of a backup.
///
/// # Errors
/// `Lost` if it is missing or another one.
pub(super) async fn read(vault: &Vault, below: &str, part: &FilePart) -> Result<Bytes> {
    let path = format!("{below}/files/{}", part.path);
    let measured = Measured::default();
    let found = vault.get(&path).await?.ok_or_else(|| lost!("{path} is missing"))?;
    let pieces: Vec<Bytes> = measured.through(found).try_collect().await?;
    match measured.sha256() == part.sha256 {
        true => Ok(pieces.concat().into()),
        false => Err(lost!("{path} is damaged: it does not match its hash")),
    }
}

/// Puts the files of a backup into a data folder; a file that is there already stays.
pub(super) async fn bring_back(vault: &Vault, below: &str, parts: &[FilePart], data: &Path) -> Result<()> {
    for part in parts {
        let path = match part.path.as_str() {
            CONFIGURATION => OLD_CONFIGURATION,
            path => path,
        };
        let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let to = data.join(path);
        if !is_below || path.is_empty() || to.exists() {
            continue;
        }
        let bytes = read(vault, below, part).await?;
        if let Some(above) = to.parent() {
            make_private(above)?;
        }
        // What has its name is whole: a restore that goes on leaves it alone.
        let half = data.join(format!("{path}{HALF}"));
        tokio::fs::write(&half, &bytes).await?;
        tokio::fs::set_permissions(&half, std::fs::Permissions::from_mode(part.mode & 0o777)).await?;
        tokio::fs::rename(&half, &to).await?;
    }
    Ok(())
}

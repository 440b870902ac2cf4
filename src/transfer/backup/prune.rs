//! Removing old backups, and the blobs that no other backup names.

use super::open::{OpenBackup, listed};
use super::vault::Vault;
use crate::error::Result;
use std::collections::HashSet;

/// Removes all but the newest `keep` backups, and whatever was broken off before them; their names.
pub(super) async fn prune(vault: &Vault, keep: usize) -> Result<Vec<String>> {
    let there = listed(vault).await?;
    let (old, kept) = there.whole.split_at(there.whole.len().saturating_sub(keep));
    let mut named = HashSet::new();
    // Read before anything is removed: with one that cannot be read, nothing is.
    for name in kept {
        let backup = OpenBackup::read(vault, *name).await?;
        named.extend(backup.blobs().await?.into_iter().map(|(key, _)| key));
    }
    let mut removed: Vec<String> = old.iter().map(ToString::to_string).collect();
    removed.extend(there.broken_off);
    let files = vault.place.list("backups").await?;
    for name in &removed {
        // A backup without its manifest is none, whatever else of it is still there.
        vault.place.remove(&format!("backups/{name}/manifest.json")).await?;
        for (path, _) in files.iter().filter(|(path, _)| path.split('/').next() == Some(name)) {
            vault.place.remove(&format!("backups/{path}")).await?;
        }
    }
    for key in vault.blobs().await?.into_keys().filter(|key| !named.contains(key)) {
        vault.remove_blob(key).await?;
    }
    Ok(removed)
}

//! How much an index, and all indexes of an account, may hold.

use super::Indexes;
use crate::config::units::{rounded, show_bytes};
use crate::directory::{Index, IndexKind};
use crate::error::{Error, Result};

impl Indexes {
    /// Whether files of `more` bytes fit into the quotas of an index and of its owner. Uploads that come at the same time
    /// may exceed one together.
    ///
    /// # Errors
    /// `Full`, which says how much is used, how much is allowed and what to do.
    pub(super) async fn has_room(&self, index: &Index, more: u64) -> Result<()> {
        let IndexKind::Stage(stage) = &index.kind else { return Ok(()) };
        let name = &index.name;
        if let Some(quota) = stage.quota {
            let used = self.db.index_bytes(name).await?;
            if used.saturating_add(more) > quota {
                return Err(Error::Full(format!(
                    "{name} has {} of at most {} (option quota), and this needs {}: delete releases, or ask \
                     the owner of the index for a larger quota",
                    rounded(used),
                    show_bytes(quota),
                    rounded(more)
                )));
            }
        }
        let owner = name.user();
        if self.account_quota > 0 && owner != "root" {
            let used = self.db.account_bytes(owner).await?;
            if used.saturating_add(more) > self.account_quota {
                return Err(Error::Full(format!(
                    "the indexes of {owner} have {} of at most {} together (setting quota.uploads), and this needs {}: \
                     delete releases, or ask an administrator for a larger quota",
                    rounded(used),
                    show_bytes(self.account_quota),
                    rounded(more)
                )));
            }
        }
        Ok(())
    }
}

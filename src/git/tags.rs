//! The tags of a repository, listed without cloning it.

use super::address::Address;
use super::clone::git_beside;
use super::command::RepositoryAsker;
use super::tree::GitLimits;
use crate::bad;
use crate::error::Result;
use crate::packaging::remote_tag::{RemoteTag, read_tags};
use std::path::Path;

/// Tags of one repository.
const MOST: usize = 20_000;
/// Bytes of the list, with two lines for an annotated tag.
const LONGEST: u64 = 16 << 20;

/// Lists the tags of a repository. Scratch space is taken beside `place`.
///
/// # Errors
/// As [`fetch`](super::fetch); `Bad` also for too many tags.
pub async fn tags(
    address: &Address,
    asker: RepositoryAsker,
    limits: GitLimits,
    place: &Path,
) -> Result<Vec<RemoteTag>> {
    let (git, _scratch) = git_beside(place, address, asker, limits, "file").await?;
    git.begin()?;
    let listed =
        git.run_within(&["ls-remote", "--tags", "--", address.url.expose().as_str()], LONGEST).await?;
    let tags = read_tags(&String::from_utf8_lossy(&listed));
    if tags.len() > MOST || listed.len() as u64 >= LONGEST {
        return Err(bad!("the repository has more than {MOST} tags: watch one with fewer"));
    }
    Ok(tags)
}

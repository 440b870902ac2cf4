//! A repository's commit, fetched with as little history as its version needs.

use super::address::Address;
use super::checkout::{check_size, clean, fetch_refs};
use super::command::{Git, RepositoryAsker, Way};
use super::pack;
use super::said::without_credentials;
use super::submodules::fetch_submodules;
use super::tree::{GitLimits, Tree};
use crate::bad;
use crate::error::{Error, Result};
use crate::tools::scratch::ScratchFolder;
use crate::tools::time::SECOND;
use std::path::Path;
use std::time::Instant;
use url::Url;

/// Clones what `address` names and packs it into the file `archive`, which is written over. Scratch
/// space is taken beside it.
///
/// # Errors
/// `Bad` with what to do where the address is wrong: no such repository, no such tag, a password is
/// asked for, too large. `Unavailable` and `Timeout` where the host does not answer: later it may.
pub async fn fetch(
    address: &Address,
    asker: RepositoryAsker,
    limits: GitLimits,
    archive: &Path,
) -> Result<Tree> {
    let (git, _scratch) = git_beside(archive, address, asker, limits, "file:https:ssh:http").await?;
    let (commit, committed_at) = history(&git, address.url.expose(), address.reference.as_deref()).await?;
    check_size(&git, &commit).await?;
    git.run(&["checkout", "-q", "--detach", &commit]).await?;
    let mut warnings = fetch_submodules(&git, address.url.expose()).await?;
    warnings.extend(large_files(&git).await?);
    if !git.folder.join(&address.subdirectory).is_dir() {
        return Err(bad!("{} has no folder {:?} at {commit}", address, address.subdirectory));
    }
    clean(&git, Some(&address.to_string())).await?;
    let stem = address.stem();
    let (folder, archive, top) = (git.folder.clone(), archive.to_owned(), stem.clone());
    let most = limits.bytes.saturating_mul(2);
    let packing = tokio::task::spawn_blocking(move || {
        let mut packer = pack::Packer::create(&archive, &top, committed_at, most)?;
        packer.folder(&folder)?;
        packer.finish()
    });
    packing.await??;
    Ok(Tree {
        filename: format!("{stem}.tar.gz"),
        origin: address.to_string(),
        commit: Some(commit),
        committed_at: committed_at.checked_mul(SECOND),
        subdirectory: address.subdirectory.clone(),
        warnings,
    })
}

/// A warning if the attributes of the checkout keep files in Git LFS: what is there are pointers to them.
async fn large_files(git: &Git) -> Result<Option<String>> {
    let listed = git.text(&["ls-files", "-z", "--", ":(attr:filter=lfs)"]).await?;
    let mut paths = listed.split('\0').filter(|path| !path.is_empty());
    let Some(first) = paths.next() else { return Ok(None) };
    let others = match paths.count() {
        0 => String::new(),
        1 => " and 1 other file".to_owned(),
        count => format!(" and {count} other files"),
    };
    Ok(Some(format!(
        "{first}{others}: Git LFS keeps the contents, and wheelwright fetches only the pointers. If the build needs them, \
         publish an sdist that has them"
    )))
}

/// Makes a repository in `git.folder` and fetches what `reference` means there (`None`: the commit
/// that is checked out) with the tags that name it, or with its whole history where none does.
/// Gives the commit and its date in seconds since 1970.
pub(super) async fn history(git: &Git, url: &Url, reference: Option<&str>) -> Result<(String, i64)> {
    git.begin()?;
    git.run(&["init", "-q", "--template=", "."]).await?;
    let listed = git.text(&["ls-remote", "--", url.as_str()]).await?;
    let remote = Remote::read(&listed);
    let wanted =
        remote.find(reference).map_err(|why| bad!("{}: {why}", without_credentials(url.as_str())))?;
    let commit = match &wanted {
        Wanted::Listed(commit) => {
            let tags = remote.tags_of(commit);
            if tags.is_empty() {
                get(git, url, &[format!("{commit}:refs/heads/wanted")], &remote).await?;
            } else {
                let specs: Vec<String> = tags.iter().map(|tag| format!("+{tag}:{tag}")).collect();
                fetch_refs(git, url, &["--depth", "1", "--no-tags"], &specs).await?;
            }
            commit.clone()
        }
        Wanted::Commit(text) => {
            get(git, url, &[format!("{text}:refs/heads/wanted")], &remote).await?;
            let found = git.text(&["rev-parse", "--verify", "-q", &format!("{text}^{{commit}}")]).await;
            found.map_err(|_| bad!("{} has no commit {text}", without_credentials(url.as_str())))?
        }
    };
    let date = git.text(&["show", "-s", "--no-show-signature", "--format=%ct", &commit]).await?;
    Ok((commit, date.parse().unwrap_or_default()))
}

/// Fetches one commit with its history. Some servers give commits by branch and tag only.
async fn get(git: &Git, url: &Url, specs: &[String], remote: &Remote<'_>) -> Result<()> {
    let everything =
        ["+refs/heads/*:refs/remotes/origin/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()];
    // A short sha means nothing to a server.
    let is_whole = specs.iter().any(|spec| spec.find(':').is_some_and(|at| at >= 40));
    if is_whole {
        match fetch_refs(git, url, &[], specs).await {
            Err(Error::Bad(_)) if !remote.refs.is_empty() => {}
            other => return other,
        }
    }
    fetch_refs(git, url, &[], &everything).await
}

/// What `git ls-remote` lists.
struct Remote<'a> {
    /// Name and object; `refs/tags/v1^{}` is what an annotated tag points at.
    refs: Vec<(&'a str, &'a str)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// By a name that the server lists.
    Listed(String),
    /// By its sha, maybe shortened.
    Commit(String),
}

impl<'a> Remote<'a> {
    fn read(listed: &'a str) -> Self {
        let refs = listed.lines().filter_map(|line| line.split_once('\t'));
        Self { refs: refs.map(|(object, name)| (name.trim(), object)).collect() }
    }

    fn object(&self, name: &str) -> Option<&'a str> {
        self.refs.iter().find(|(known, _)| *known == name).map(|(_, object)| *object)
    }

    /// Branches come before tags, as `git clone --branch` does.
    fn find(&self, reference: Option<&str>) -> Result<Wanted, String> {
        let listed = |object: &str| Ok(Wanted::Listed(object.to_owned()));
        let Some(reference) = reference else {
            let head = self.object("HEAD").ok_or("the repository is empty, or has no default branch")?;
            return listed(head);
        };
        let places = [
            format!("refs/heads/{reference}"),
            format!("refs/tags/{reference}^{{}}"),
            format!("refs/tags/{reference}"),
            format!("{reference}^{{}}"),
            reference.to_owned(),
        ];
        if let Some(object) = places.iter().find_map(|place| self.object(place)) {
            return listed(object);
        }
        let is_sha = (7..=64).contains(&reference.len()) && reference.bytes().all(|b| b.is_ascii_hexdigit());
        if is_sha {
            return Ok(Wanted::Commit(reference.to_ascii_lowercase()));
        }
        Err(format!("the repository has no tag or branch {reference:?}{}", self.nearest(reference)))
    }

    /// `: did you mean v1.2?`
    fn nearest(&self, reference: &str) -> String {
        let names = self.refs.iter().filter_map(|(name, _)| {
            name.strip_prefix("refs/tags/").or_else(|| name.strip_prefix("refs/heads/"))
        });
        let names = names.filter(|name| !name.ends_with("^{}"));
        let likeness = |name: &str| (strsim::jaro_winkler(name, reference) * 1000.0) as u32;
        let best = names.max_by_key(|name| likeness(name)).filter(|name| likeness(name) > 700);
        best.map(|name| format!(": did you mean {name}?")).unwrap_or_default()
    }

    /// The tags that name `commit`.
    fn tags_of(&self, commit: &str) -> Vec<&'a str> {
        let named = self.refs.iter().filter(|(_, object)| *object == commit);
        let tags =
            named.map(|(name, _)| name.trim_end_matches("^{}")).filter(|name| name.starts_with("refs/tags/"));
        tags.take(20).collect()
    }
}

/// git at work on a repository, in scratch space beside `place`. `on_disk`: what it may speak for one on this machine.
pub(super) async fn git_beside(
    place: &Path,
    address: &Address,
    asker: RepositoryAsker,
    limits: GitLimits,
    on_disk: &'static str,
) -> Result<(Git, ScratchFolder)> {
    let way = Way::of(&asker, address.url.expose()).await?;
    let scratch = scratch_beside(place)?;
    let git = Git {
        folder: scratch.path().join("tree"),
        home: scratch.path().join("home"),
        asker,
        way,
        limits,
        until: Instant::now() + limits.time,
        protocols: if address.url.scheme() == "file" { on_disk } else { "https:ssh:http" },
        discover: false,
    };
    Ok((git, scratch))
}

/// A folder beside the archive. Its path is canonical, as git must not take its parents for its own.
pub(super) fn scratch_beside(archive: &Path) -> Result<ScratchFolder> {
    let parent = archive.parent().filter(|parent| !parent.as_os_str().is_empty());
    ScratchFolder::private(parent.unwrap_or(Path::new(".")), ".tree-")
}

#[cfg(test)]
mod tests;

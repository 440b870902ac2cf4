//! What a clone is made of: references fetched, sizes known before a checkout, and a `.git` that says nothing
//! of its making.

use super::command::Git;
use crate::bad;
use crate::error::Result;
use std::path::Path;
use url::Url;

/// Files of one tree; a tree of more is no source of a Python package.
const MOST_FILES: usize = 400_000;
/// Bytes of a pack up to which it is written anew, so that equal content has equal bytes.
const REPACKED: u64 = 64 << 20;

/// Fetches references by their specs, with options.
pub(super) async fn fetch_refs(git: &Git, url: &Url, options: &[&str], specs: &[String]) -> Result<()> {
    let mut arguments =
        vec!["fetch", "-q", "--update-shallow", "--no-recurse-submodules", "--no-write-fetch-head"];
    arguments.extend(options);
    arguments.extend(["--", url.as_str()]);
    arguments.extend(specs.iter().map(String::as_str));
    git.run(&arguments).await.map(drop)
}

/// A checkout cannot unfold to more than it may: the sizes are known before. Gives their sum.
pub(super) async fn check_size(git: &Git, commit: &str) -> Result<u64> {
    let listed = git.run(&["ls-tree", "-r", "-l", "-z", "--full-tree", commit]).await?;
    let (mut files, mut bytes) = (0, 0u64);
    for entry in listed.split(|byte| *byte == 0) {
        // `100644 blob SHA    SIZE<TAB>PATH`
        let head = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
        let size =
            String::from_utf8_lossy(head).split_whitespace().last().and_then(|text| text.parse::<u64>().ok());
        files += 1;
        bytes = bytes.saturating_add(size.unwrap_or(0));
    }
    if files > MOST_FILES || bytes > git.limits.bytes {
        let most = crate::config::units::show_bytes(git.limits.bytes);
        return Err(bad!("the repository's files take more than {most}, or are more than {MOST_FILES}"));
    }
    Ok(bytes)
}

/// Leaves in `.git` what the commit and its tags say, and nothing of when and where it was fetched.
pub(super) async fn clean(git: &Git, origin: Option<&str>) -> Result<()> {
    let head = git.text(&["rev-parse", "HEAD"]).await?;
    for name in
        git.text(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes"]).await?.lines()
    {
        git.run(&["update-ref", "-d", name]).await?;
    }
    let folder = git.folder.join(".git");
    let size: u64 =
        files_of(&folder.join("objects/pack")).filter_map(|m| m.metadata().ok()).map(|m| m.len()).sum();
    if size < REPACKED {
        let quiet = ["-c", "repack.writeBitmaps=false", "-c", "pack.writeReverseIndex=false"];
        git.run(&[&quiet[..], &["repack", "-a", "-d", "-F", "-q"]].concat()).await?;
    }
    git.run(&["pack-refs", "--all", "--prune"]).await?;
    for name in ["index", "FETCH_HEAD", "ORIG_HEAD", "COMMIT_EDITMSG", "description"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    for name in ["logs", "hooks", "branches"] {
        let _ = std::fs::remove_dir_all(folder.join(name));
    }
    std::fs::write(folder.join("config"), config(origin))?;
    // Written without the times of the checkout, which git then compares by content.
    git.run(&["read-tree", &head]).await.map(drop)
}

fn files_of(folder: &Path) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().flatten()
}

fn config(origin: Option<&str>) -> String {
    let core = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n";
    let url = origin.and_then(|origin| origin.strip_prefix("git+")).and_then(|text| Url::parse(text).ok());
    let Some(mut url) = url else { return core.to_owned() };
    url.set_fragment(None);
    // The address as shown has no credentials; its `@reference` is no part of the URL.
    let path = url.path().rsplit_once('@').map(|(path, _)| path.to_owned());
    if let Some(path) = path {
        url.set_path(&path);
    }
    format!("{core}[remote \"origin\"]\n\turl = {}\n", url.as_str().replace(['"', '\\', '\n'], ""))
}

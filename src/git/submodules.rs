//! Submodules of a checked out commit, each at the commit that the tree names, as pip has git fetch them.
//!
//! Where they are, the repository itself says: nothing on this machine is cloned because of it, and what
//! a stranger's repository names elsewhere is reached as public addresses alone.

use super::checkout::{check_size, clean, fetch_refs};
use super::command::{Git, RepositoryAsker, Way};
use super::said::without_credentials;
use crate::bad;
use crate::error::{Error, Result};
use crate::tools::scratch::remove_folder;
use crate::upstream::guard::Guard;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use url::Url;

/// Submodules of one tree, those of submodules included.
const MOST: usize = 100;
/// How what came over the network may name more: never a folder of this machine.
const REMOTE: &str = "https:ssh:http";
/// How deep submodules may lie in one another.
const DEEPEST: usize = 8;

/// A submodule as the commit and its `.gitmodules` name it.
#[derive(Debug, PartialEq, Eq)]
struct Submodule {
    path: PathBuf,
    commit: String,
    /// As it is written; `None`: nobody says where it is.
    url: Option<String>,
}

/// Fetches the submodules of what is checked out in `top`, which came from `url`, and theirs. Gives
/// warnings about those that cannot be had.
///
/// # Errors
/// `Unavailable` and `Timeout` where a host does not answer: later it may.
pub(super) async fn fetch_submodules(top: &Git, url: &Url) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut left = top.limits.bytes.saturating_sub(check_size(top, "HEAD").await?);
    let mut open =
        vec![(below(top, (top.asker.clone(), Way::Own), top.folder.clone(), left), url.clone(), 0)];
    let mut count = 0;
    while let Some((parent, url, depth)) = open.pop() {
        for module in submodules(&parent).await? {
            let shown = parent.folder.join(&module.path);
            let shown = shown.strip_prefix(&top.folder).unwrap_or(&module.path).display().to_string();
            count += 1;
            if count > MOST || depth >= DEEPEST {
                warnings.push(format!("the repository has too many submodules: {shown} was not fetched"));
                return Ok(warnings);
            }
            match fetch_one(&parent, &url, &module, left).await {
                Ok((git, url, size)) => {
                    left = left.saturating_sub(size);
                    open.push((git, url, depth + 1));
                }
                Err(error @ (Error::Unavailable(_) | Error::Timeout(_))) => return Err(error),
                Err(error) => {
                    discard(&parent.folder, &module.path)?;
                    warnings.push(format!("the submodule {shown} was not fetched: {error}"));
                }
            }
        }
    }
    Ok(warnings)
}

/// Another repository, with the same time left.
fn below(git: &Git, (asker, way): (RepositoryAsker, Way), folder: PathBuf, bytes: u64) -> Git {
    Git {
        folder,
        home: git.home.clone(),
        asker,
        way,
        limits: super::GitLimits { bytes, ..git.limits },
        until: git.until,
        protocols: git.protocols,
        discover: false,
    }
}

/// The submodules of a commit: what its tree says they are, and its `.gitmodules` where they come from.
async fn submodules(git: &Git) -> Result<Vec<Submodule>> {
    let listed = git.run(&["ls-tree", "-r", "-z", "--full-tree", "HEAD"]).await?;
    let listed = String::from_utf8_lossy(&listed);
    let links: Vec<(&str, &str)> = listed.split('\0').filter_map(gitlink).collect();
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let asked = ["config", "--blob", "HEAD:.gitmodules", "-z", "--get-regexp", "^submodule\\."];
    // A tree without that file names no place.
    let named = git.run(&asked).await.unwrap_or_default();
    let places = places(&String::from_utf8_lossy(&named));
    let module = |(commit, path): (&str, &str)| {
        let place = places.get(path);
        // The repository says that it is to be left alone.
        let is_wanted = place.is_none_or(|place| place.update.as_deref() != Some("none"));
        let url = place.and_then(|place| place.url.clone());
        is_wanted.then(|| Submodule { path: path.into(), commit: commit.to_owned(), url })
    };
    Ok(links.into_iter().filter_map(module).collect())
}

/// `160000 commit SHA<TAB>PATH`
fn gitlink(entry: &str) -> Option<(&str, &str)> {
    let (head, path) = entry.split_once('\t')?;
    head.strip_prefix("160000 commit ").map(|commit| (commit.trim(), path))
}

#[derive(Debug, Default)]
struct ModulePlace {
    path: String,
    url: Option<String>,
    update: Option<String>,
}

/// By path: what `git config -z` prints of a `.gitmodules`.
fn places(printed: &str) -> BTreeMap<String, ModulePlace> {
    let mut by_name: BTreeMap<&str, ModulePlace> = BTreeMap::new();
    for entry in printed.split('\0') {
        let Some((key, value)) = entry.split_once('\n') else { continue };
        let named = key.strip_prefix("submodule.").and_then(|key| key.rsplit_once('.'));
        let Some((name, variable)) = named else { continue };
        let place = by_name.entry(name).or_default();
        match variable {
            "path" => value.trim_end_matches('/').clone_into(&mut place.path),
            "url" => place.url = Some(value.to_owned()),
            "update" => place.update = Some(value.to_owned()),
            _ => {}
        }
    }
    by_name.into_values().map(|place| (place.path.clone(), place)).collect()
}

/// Fetches and checks out one; gives it with its address and its size.
async fn fetch_one(parent: &Git, base: &Url, module: &Submodule, left: u64) -> Result<(Git, Url, u64)> {
    let Some(text) = &module.url else { return Err(bad!(".gitmodules does not say where it is")) };
    let url =
        address(base, text).ok_or_else(|| bad!("{:?} is not a valid URL", without_credentials(text)))?;
    if !parent.protocols.split(':').any(|scheme| scheme == url.scheme()) {
        return Err(bad!("wheelwright does not clone it by {}", url.scheme()));
    }
    if !is_empty_folder_in(&parent.folder, &module.path) {
        return Err(bad!("there is something else in its place"));
    }
    // What lies in another host's repository is asked for as that host's, and never wider again.
    let reached = match &parent.asker {
        RepositoryAsker::Person => (RepositoryAsker::Person, Way::Own),
        // What a watch is granted is for its own repository.
        RepositoryAsker::Stranger(guard) | RepositoryAsker::Watch(guard, _) => {
            let guard = if url.host() == base.host() { guard.clone() } else { Guard::public() };
            let way = Way::to(&url, &guard).await?;
            (RepositoryAsker::Stranger(guard), way)
        }
    };
    let mut git = below(parent, reached, parent.folder.join(&module.path), left);
    if url.scheme() != "file" {
        git.protocols = REMOTE;
    }
    git.run(&["init", "-q", "--template=", "."]).await?;
    let commit = module.commit.as_str();
    let alone = [format!("{commit}:refs/heads/wanted")];
    match fetch_refs(&git, &url, &["--depth", "1", "--no-tags"], &alone).await {
        // Some servers give commits by branch and tag only.
        Err(Error::Bad(_)) => {
            let all =
                ["+refs/heads/*:refs/remotes/origin/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()];
            fetch_refs(&git, &url, &["--no-tags"], &all).await?;
        }
        other => other?,
    }
    let size = check_size(&git, commit).await?;
    git.run(&["checkout", "-q", "--detach", commit]).await?;
    clean(&git, None).await?;
    Ok((git, url, size))
}

/// The URL of a submodule: whole, relative to the repository's, or as ssh writes it (`git@host:path`).
fn address(base: &Url, text: &str) -> Option<Url> {
    if text.starts_with("./") || text.starts_with("../") {
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        return base.join(text).ok();
    }
    if text.starts_with('-') {
        return None;
    }
    if text.contains("://") {
        return Url::parse(text).ok();
    }
    let (host, path) = text.split_once(':').filter(|(host, _)| !host.contains('/'))?;
    Url::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/'))).ok()
}

/// Whether `path` is a folder with nothing in it, reached through folders alone: what a checkout leaves for
/// a submodule.
fn is_empty_folder_in(root: &Path, path: &Path) -> bool {
    let entries = folder_in(root, path).and_then(|folder| std::fs::read_dir(folder).ok());
    entries.is_some_and(|mut entries| entries.next().is_none())
}

/// Takes away what a submodule that failed has left in its place.
fn discard(root: &Path, path: &Path) -> Result<()> {
    match folder_in(root, path).filter(|folder| folder.join(".git").is_dir()) {
        None => Ok(()),
        Some(folder) => {
            remove_folder(&folder)?;
            Ok(std::fs::create_dir(folder)?)
        }
    }
}

/// `path` below `root`, if it is a folder that is reached through folders alone.
fn folder_in(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut folder = root.to_owned();
    for part in path.components() {
        let Component::Normal(name) = part else { return None };
        folder.push(name);
        let is_git = name.to_string_lossy().eq_ignore_ascii_case(".git");
        if is_git || !folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return None;
        }
    }
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_git_reads_it() {
        let base = Url::parse("https://al:pw@h.example/team/repo.git").unwrap();
        let read = |text: &str| address(&base, text).map(String::from);
        assert_eq!(read("../lib.git").as_deref(), Some("https://al:pw@h.example/team/lib.git"));
        assert_eq!(read("../../other/lib").as_deref(), Some("https://al:pw@h.example/other/lib"));
        assert_eq!(read("https://g.example/lib").as_deref(), Some("https://g.example/lib"));
        assert_eq!(read("git@g.example:team/lib.git").as_deref(), Some("ssh://git@g.example/team/lib.git"));
        for text in ["--upload-pack=id", "/srv/lib", "lib", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_that_is_no_empty_folder_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("extern/lib")).unwrap();
        std::fs::create_dir_all(at("full/x")).unwrap();
        std::fs::create_dir_all(at(".GIT/hooks")).unwrap();
        std::os::unix::fs::symlink(at("extern"), at("way")).unwrap();
        let free = |name: &str| is_empty_folder_in(folder.path(), Path::new(name));
        assert!(free("extern/lib"));
        for name in ["full", "nowhere", ".GIT/hooks", "way/lib", "extern/../extern/lib", "/tmp"] {
            assert!(!free(name), "{name}");
        }
    }
}

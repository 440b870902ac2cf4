//! A folder of this machine as a source tree.

use super::address::plain_stem;
use super::checkout;
use super::clone::{self, scratch_beside};
use super::command::{Git, RepositoryAsker, Way};
use super::pack;
use super::tree::{GitLimits, Tree};
use crate::bad;
use crate::error::Result;
use crate::tools::time::SECOND;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use url::Url;

/// A folder that is kept by its owner for wheels: no part of the source it lies in.
pub const WHEELHOUSE_MARK: &str = ".wheelwright.json";

/// Left out wherever they are.
const JUNK: [&str; 10] = [
    "__pycache__",
    ".git",
    ".tox",
    ".nox",
    ".eggs",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "node_modules",
];

/// Packs a folder of this machine into the file `archive`, which is written over. In a git work tree:
/// the files that git tracks or would offer to track, and a clean copy of the history; elsewhere all
/// but virtual environments, byte code and what builds leave behind.
///
/// # Errors
/// `Bad` if there is no such folder, or nothing to build in it.
pub async fn pack_folder(folder: &Path, archive: &Path) -> Result<Tree> {
    let unusable = |error: std::io::Error| bad!("cannot read the folder {}: {error}", folder.display());
    let folder = folder.canonicalize().map_err(unusable)?;
    if !["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|name| folder.join(name).is_file()) {
        return Err(bad!(
            "{} is not a Python project: it has neither pyproject.toml nor setup.py",
            folder.display()
        ));
    }
    match work_tree(&folder, archive).await? {
        Some(tree) => Ok(tree),
        None => plain(folder, archive.to_owned()).await,
    }
}

/// The folder, if git knows of files in it. Otherwise, and without git, `None`.
async fn work_tree(folder: &Path, archive: &Path) -> Result<Option<Tree>> {
    let scratch = scratch_beside(archive)?;
    let limits = GitLimits::default();
    let git = |folder: PathBuf, discover| Git {
        folder,
        home: scratch.path().join("home"),
        asker: RepositoryAsker::Person,
        way: Way::Own,
        limits,
        until: Instant::now() + limits.time,
        protocols: "file",
        discover,
    };
    let Ok(top) = git(folder.to_owned(), true).text(&["rev-parse", "--show-toplevel"]).await else {
        return Ok(None);
    };
    let Ok(top) = Path::new(&top).canonicalize() else { return Ok(None) };
    let Ok(below) = folder.strip_prefix(&top).map(Path::to_owned) else { return Ok(None) };
    let here = git(top.clone(), true);
    let mut files =
        listed(&here.run(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).await?);
    if !files.iter().any(|file| file.starts_with(&below)) {
        return Ok(None);
    }
    let mut warnings = Vec::new();
    if top.join(".gitmodules").is_file() {
        let theirs = listed(&here.run(&["ls-files", "-z", "--cached", "--recurse-submodules"]).await?);
        // One that is not checked out is listed as a folder.
        let missing =
            theirs.iter().filter(|path| top.join(path).symlink_metadata().is_ok_and(|found| found.is_dir()));
        warnings.extend(missing.map(|path| {
            format!("the submodule {} is not checked out: run git submodule update --init", path.display())
        }));
        files.extend(theirs);
    }
    let copy = git(scratch.path().join("tree"), false);
    let url = Url::from_directory_path(&top).map_err(|()| bad!("{} is not a valid path", top.display()))?;
    let commit = match here.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]).await {
        Ok(_) => Some(clone::history(&copy, &url, None).await?),
        Err(_) => None,
    };
    if let Some((sha, _)) = &commit {
        copy.run(&["update-ref", "--no-deref", "HEAD", sha]).await?;
        checkout::clean(&copy, None).await?;
    }
    let at = commit.as_ref().map_or(0, |(_, at)| *at);
    let (stem, archive) = (stem(&top), archive.to_owned());
    let (root, history, name) =
        (top.clone(), commit.is_some().then(|| copy.folder.join(".git")), stem.clone());
    let packing = tokio::task::spawn_blocking(move || {
        let mut packer = pack::Packer::create(&archive, &name, at, limits.bytes.saturating_mul(2))?;
        if let Some(history) = history {
            packer.folder_as(&history, ".git")?;
        }
        for file in files.iter().filter(|file| !in_wheelhouse(&root, file)) {
            match packer.file(&root.join(file), file) {
                // Tracked, and deleted in the work tree.
                Err(_) if std::fs::symlink_metadata(root.join(file)).is_err() => {}
                other => other?,
            }
        }
        packer.finish()
    });
    packing.await??;
    Ok(Some(Tree {
        filename: format!("{stem}.tar.gz"),
        origin: folder.display().to_string(),
        commit: commit.as_ref().map(|(sha, _)| sha.clone()),
        committed_at: commit.as_ref().and_then(|(_, at)| at.checked_mul(SECOND)),
        subdirectory: below.to_string_lossy().into_owned(),
        warnings,
    }))
}

/// Names as `git ls-files -z` prints them, in order, each once.
fn listed(out: &[u8]) -> BTreeSet<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let names = out.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name))).collect()
}

fn in_wheelhouse(root: &Path, file: &Path) -> bool {
    let folder = file.parent().unwrap_or(Path::new(""));
    !folder.as_os_str().is_empty() && root.join(folder).join(WHEELHOUSE_MARK).is_file()
}

/// A folder without git: all but junk.
async fn plain(folder: PathBuf, archive: PathBuf) -> Result<Tree> {
    let stem = stem(&folder);
    let (top, origin) = (stem.clone(), folder.display().to_string());
    let packing = tokio::task::spawn_blocking(move || {
        let mut packer = pack::Packer::create(&archive, &top, 0, GitLimits::default().bytes)?;
        packer.folder_where(&folder, &|path, is_folder| is_source(&folder, path, is_folder))?;
        packer.finish()
    });
    packing.await??;
    Ok(Tree {
        filename: format!("{stem}.tar.gz"),
        origin,
        commit: None,
        committed_at: None,
        subdirectory: String::new(),
        warnings: Vec::new(),
    })
}

fn stem(folder: &Path) -> String {
    plain_stem(&folder.file_name().unwrap_or_default().to_string_lossy())
}

fn is_source(root: &Path, path: &Path, is_folder: bool) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !is_folder {
        return !name.ends_with(".pyc") && !name.ends_with(".pyo");
    }
    let is_top = path.components().count() == 1;
    // What a build leaves, unless it is a package that happens to be called so.
    let left_behind =
        is_top && matches!(&*name, "build" | "dist") && !root.join(path).join("__init__.py").exists();
    let is_environment = ["pyvenv.cfg", "bin/activate_this.py", WHEELHOUSE_MARK];
    !JUNK.contains(&&*name)
        && !name.ends_with(".egg-info")
        && !left_behind
        && !is_environment.iter().any(|file| root.join(path).join(file).is_file())
}

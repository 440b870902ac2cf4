//! Stories of packages: each is made of the program under test, installed where nothing of ours is, and used for the
//! first five minutes.

mod installed;
mod manifests;
mod shells;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder with the packages of these kinds, made of this program as `make release` makes them.
fn made(kinds: &str) -> TempDir {
    let dist = tempfile::tempdir().expect("a folder");
    let mut release = Command::new(root().join("packaging/release"));
    release.arg(dist.path()).env("PACKAGES", kinds).env("FAST", "1");
    release.env("WHEELWRIGHT_BINARY", env!("CARGO_BIN_EXE_wheelwright"));
    let said = ran(&mut release);
    assert!(!said.contains("left out"), "{said}");
    dist
}

/// The only file of a folder whose name ends so.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let mut found = entries.filter(|path| path.to_string_lossy().ends_with(ending));
    let path = found.next().unwrap_or_else(|| panic!("no {ending} in {}", folder.display()));
    assert_eq!(found.next(), None);
    path
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a program that must succeed said.
#[track_caller]
fn ran(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

//! Sources with Rust in them: the worker's toolchain, and their crates, fetched before the network closes.
//!
//! Crates are fetched by a run of its own: `cargo fetch` from where the worker's cargo is configured,
//! with the host's network, but with nothing else than the source, the toolchain and an empty
//! CARGO_HOME. It runs no code of the source or of a crate: build scripts and macros run later, in
//! the build, offline. A manifest can name addresses that cargo then asks: a worker that builds what
//! strangers send stands where nothing in its network answers without a credential.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::peek;
use super::room::{Room, SandboxRun, ours};
use super::sandbox::Mount;
use super::source::{INSIDE, Unpacked};
use crate::error::Result;
use crate::words::{Class, Failure, Step};

/// Where toolchain and crates stand inside.
const TOOLCHAIN: &str = "/rust";
const HOME: &str = "/cargo";
/// More workspaces in one source than this are not looked into.
const MOST_MANIFESTS: usize = 4;
/// Seconds for fetching the crates of one workspace.
const PATIENCE: u64 = 900;

/// What a build with Rust in it sees beside the rest.
#[derive(Clone, Debug, Default)]
pub struct Rust {
    pub mounts: Vec<Mount>,
    pub env: Vec<(String, String)>,
    /// Comes before the search path.
    pub path: Option<String>,
}

impl Rust {
    /// Makes a run see it.
    pub fn apply(&self, run: &mut SandboxRun<'_>) {
        run.mounts.extend(self.mounts.iter().cloned());
        run.env.splice(0..0, self.env.iter().cloned());
        run.path.clone_from(&self.path);
        run.watched.extend(self.mounts.iter().filter(|mount| mount.writable).map(|mount| mount.host.clone()));
    }
}

/// Cargo and rustc of this machine.
#[derive(Clone, Debug)]
struct Toolchain {
    /// Has `bin/cargo` and `bin/rustc` in it.
    root: PathBuf,
    /// Cargo's settings: where crates come from.
    settings: Option<PathBuf>,
}

impl Toolchain {
    fn of_this_machine() -> Option<&'static Self> {
        static FOUND: OnceLock<Option<Toolchain>> = OnceLock::new();
        FOUND.get_or_init(Self::find).as_ref()
    }

    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cargo =
            std::env::split_paths(&path).map(|folder| folder.join("cargo")).find(|path| path.is_file())?;
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let folder =
            |name: &str, usual: &str| std::env::var_os(name).map_or_else(|| home.join(usual), PathBuf::from);
        let real = cargo.canonicalize().ok()?;
        let root = match real.file_stem().is_some_and(|name| name == "rustup") {
            true => of_rustup(&folder("RUSTUP_HOME", ".rustup"), std::env::var("RUSTUP_TOOLCHAIN").ok())?,
            false => real.parent()?.parent()?.to_owned(),
        };
        let has = |name: &str| root.join("bin").join(name).is_file();
        let settings = ["config.toml", "config"].map(|name| folder("CARGO_HOME", ".cargo").join(name));
        let settings = settings.into_iter().find(|path| path.is_file());
        (has("cargo") && has("rustc")).then_some(Self { root, settings })
    }
}

/// The toolchain that rustup would start: the one that is `asked` for, or that its settings name.
fn of_rustup(home: &Path, asked: Option<String>) -> Option<PathBuf> {
    let name = match asked.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => {
            let settings: toml::Table =
                std::fs::read_to_string(home.join("settings.toml")).ok()?.parse().ok()?;
            settings.get("default_toolchain")?.as_str()?.to_owned()
        }
    };
    let plain = !name.contains(['/', '\\']) && name != "..";
    plain.then(|| home.join("toolchains").join(name)).filter(|root| root.is_dir())
}

/// Fetches the crates of a source that has Rust in it; nothing for any other source, and nothing on
/// a machine without Rust: the build then says what is missing.
///
/// # Errors
/// `Network` if crates cannot be fetched.
pub async fn prepare(room: &Room<'_>, unpacked: &Unpacked) -> Result<Rust, Failure> {
    let manifests = manifests(&unpacked.work.join("src"));
    let Some(toolchain) = Toolchain::of_this_machine().filter(|_| !manifests.is_empty()) else {
        return Ok(Rust::default());
    };
    let home = room.below("cargo", Step::Environment)?;
    if let Some(settings) = &toolchain.settings {
        std::fs::copy(settings, home.join("config.toml"))
            .map_err(|error| ours(&error.into(), Step::Environment))?;
    }
    let mut rust = Rust {
        mounts: vec![Mount::write(&home, HOME)],
        env: vec![("CARGO_HOME".to_owned(), HOME.to_owned())],
        path: None,
    };
    if !toolchain.root.starts_with("/usr") {
        rust.mounts.push(Mount::read(&toolchain.root, TOOLCHAIN));
        rust.path = Some(format!("{TOOLCHAIN}/bin"));
    }
    for manifest in manifests {
        fetch(room, unpacked, &rust, &manifest).await?;
    }
    rust.env.push(("CARGO_NET_OFFLINE".to_owned(), "true".to_owned()));
    Ok(rust)
}

/// What becomes of a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockFile {
    /// Its versions count and no others.
    Kept,
    /// What does not fit is brought up to date, and written where there is none.
    Updated,
    /// Removed before, since this cargo cannot read it.
    Anew,
}

impl LockFile {
    /// What helps after a lock file was refused with these words.
    fn after(printed: &str) -> Option<Self> {
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        let says = |text: &str| lines.iter().any(|line| line.contains(text));
        if says("failed to parse lock file") || says("lock file version") {
            return Some(Self::Anew);
        }
        says("--locked").then_some(Self::Updated)
    }

    fn change(self) -> &'static str {
        match self {
            Self::Kept => "is as it came",
            Self::Updated => "did not match its Cargo.toml and was updated",
            Self::Anew => "is not readable for this cargo and was written anew",
        }
    }
}

async fn fetch(room: &Room<'_>, unpacked: &Unpacked, rust: &Rust, manifest: &str) -> Result<(), Failure> {
    room.log.note(&format!("fetching the crates of {manifest}"));
    let folder = manifest.strip_suffix("Cargo.toml").unwrap_or_default();
    let lock = format!("{folder}Cargo.lock");
    let has_lock = peek::file(&unpacked.work.join("src"), &lock, 64 << 20).ok().flatten().is_some();
    let first = if has_lock { LockFile::Kept } else { LockFile::Updated };
    let mut mark = room.log.written();
    if cargo_fetch(room, unpacked, rust, folder, first).await? {
        return Ok(());
    }
    if has_settings(unpacked, folder) {
        room.log.note("the source has a cargo configuration, so it may contain its crates");
        return Ok(());
    }
    // Older or newer than this toolchain, or than the manifest beside it: other crates are better than none.
    if let Some(way) = LockFile::after(&room.log.since(mark)).filter(|_| has_lock) {
        let change = format!("{lock} {}", way.change());
        room.log.note(&format!("{change}: fetching again"));
        mark = room.log.written();
        if cargo_fetch(room, unpacked, rust, folder, way).await? {
            room.changed(&change);
            return Ok(());
        }
    }
    let printed = room.log.since(mark);
    let line = printed.lines().find(|line| line.starts_with("error")).map(str::to_owned);
    let hint = "cannot fetch the crates: configure a crate source for the worker's cargo".to_owned();
    Err(Failure { class: Class::Network, hint, line, step: Step::Environment })
}

/// Whether `cargo fetch` for the manifest in `folder` ended well.
async fn cargo_fetch(
    room: &Room<'_>,
    unpacked: &Unpacked,
    rust: &Rust,
    folder: &str,
    lock: LockFile,
) -> Result<bool, Failure> {
    let manifest = format!("{INSIDE}/{folder}Cargo.toml");
    let mut argv = ["cargo", "fetch", "--manifest-path", &manifest].map(str::to_owned).to_vec();
    match lock {
        LockFile::Kept => argv.push("--locked".to_owned()),
        LockFile::Updated => {}
        LockFile::Anew => {
            let script = "rm -f -- \"$1\"; shift; exec \"$@\"";
            let removed = format!("{INSIDE}/{folder}Cargo.lock");
            let shell = ["/bin/sh", "-c", script, "sh", &removed].map(str::to_owned);
            argv.splice(0..0, shell);
        }
    }
    let mut mounts = rust.mounts.clone();
    // A lock file is written.
    mounts.push(Mount::write(&unpacked.work, "/work"));
    let run = SandboxRun {
        argv,
        env: rust.env.clone(),
        path: rust.path.clone(),
        // Cargo reads settings from the folders above the one it runs in, and those can name programs
        // to run: the source's must not be among them.
        cwd: "/".into(),
        mounts,
        network: true,
        seconds: Some(PATIENCE),
        watched: vec![unpacked.work.clone(), room.folder.path().join("cargo")],
        ..SandboxRun::default()
    };
    Ok(room.run(Step::Environment, run).await? == 0)
}

/// Whether the source brings settings for cargo: usually the place of crates that are packed with it.
fn has_settings(unpacked: &Unpacked, folder: &str) -> bool {
    let top = unpacked.work.join("src");
    let names = ["", folder].into_iter().flat_map(|at| ["config.toml", "config"].map(|name| (at, name)));
    names
        .into_iter()
        .any(|(at, name)| peek::file(&top, &format!("{at}.cargo/{name}"), 1 << 20).ok().flatten().is_some())
}

/// The outermost manifests below a source, with `/` between folders; some sources have several.
fn manifests(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        if peek::file(top, &format!("{folder}Cargo.toml"), 4 << 20).ok().flatten().is_some() {
            found.push(format!("{folder}Cargo.toml"));
            continue;
        }
        // Deeper than two folders nobody keeps what is built.
        if folder.matches('/').count() < 2 {
            for entry in std::fs::read_dir(top.join(&folder)).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if let (true, Some(name)) = (is_folder, entry.file_name().to_str()) {
                    folders.push(format!("{folder}{name}/"));
                }
            }
        }
    }
    found.sort();
    found.truncate(MOST_MANIFESTS);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outermost_manifests_count() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["rust/core/Cargo.toml", "rust/Cargo.toml", "b/c/Cargo.toml", "b/c/d/e/Cargo.toml", "x/setup.py"]
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(manifests(folder.path()), ["b/c/Cargo.toml", "rust/Cargo.toml"]);
    }

    #[test]
    fn a_lock_file_is_updated_or_written_anew_by_what_cargo_says() {
        let other = "error: cannot update the lock file /work/src/Cargo.lock because --locked was passed to prevent this";
        assert_eq!(LockFile::after(other), Some(LockFile::Updated));
        let newer = "error: failed to parse lock file at: /work/src/Cargo.lock\n\nCaused by:\n  lock file version `9` was found";
        assert_eq!(LockFile::after(newer), Some(LockFile::Anew));
        assert_eq!(LockFile::after("error: failed to get `x` as a dependency"), None);
    }

    #[test]
    fn the_toolchain_that_rustup_would_start_is_found_without_starting_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("toolchains/stable")).unwrap();
        std::fs::write(home.path().join("settings.toml"), "default_toolchain = \"../stable\"").unwrap();
        assert_eq!(of_rustup(home.path(), None), None, "no way out of the folder");
        std::fs::write(home.path().join("settings.toml"), "default_toolchain = \"stable\"").unwrap();
        let stable = Some(home.path().join("toolchains/stable"));
        assert_eq!(of_rustup(home.path(), None), stable);
        assert_eq!(of_rustup(home.path(), Some("nightly".to_owned())), None, "asked for, and not there");
    }
}

//! Where interpreters are found: pyenv, uv, `/opt/python`, PATH, the system, and configured paths.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Programs that may be interpreters, links resolved, each once.
pub fn of_this_machine() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_default();
    let mut folders = Vec::new();
    let pyenv = variable("PYENV_ROOT").unwrap_or_else(|| home.join(".pyenv"));
    let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let uv = variable("UV_PYTHON_INSTALL_DIR").unwrap_or_else(|| data.join("uv/python"));
    // Where the images that manylinux wheels are built in have theirs.
    let families = [pyenv.join("versions"), uv, PathBuf::from("/opt/python")];
    // Without a home folder the first two would be meant relative to wherever we were started.
    for family in families.iter().filter(|family| family.is_absolute()) {
        folders.extend(entries(family).into_iter().flat_map(|root| [root.join("bin"), root]));
    }
    let path = variable("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()));
    // A service or an environment may have a PATH without them.
    folders.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    programs(&folders)
}

/// A configured path: an interpreter, its prefix, or a folder of prefixes.
pub fn configured(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        // A script that starts one is fine if somebody says so.
        return vec![path.to_owned()];
    }
    let below = entries(path).into_iter().flat_map(|root| [root.join("bin"), root]);
    programs(&[path.join("bin"), path.to_owned()].into_iter().chain(below).collect::<Vec<_>>())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = read.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn programs(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in folders.iter().flat_map(|folder| entries(folder)) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_name(name) {
            continue;
        }
        if let Ok(real) = fs::canonicalize(&path)
            && !seen.contains(&real)
            && is_program(&real)
        {
            seen.insert(real.clone());
            found.push(real);
        }
    }
    found
}

/// `python`, `python3`, `python3.13t`, `pypy3.10`.
fn is_name(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    let version = version.map(|version| version.trim_end_matches('t'));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// No script: those of pyenv and the like start one of the interpreters that are found anyway.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start != *b"#!" && is_executable(path)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// `debian 12`; empty where the system does not say.
pub fn distribution() -> String {
    let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
    let text = text.unwrap_or_default();
    let value = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    format!("{} {}", value("ID"), value("VERSION_ID")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_interpreters_are_tried() {
        for name in ["python", "python3", "python2.7", "python3.13t", "pypy", "pypy3.10"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["python3-config", "python3.12-gdb.py", "pythonw", "ipython", "python3.12m-x"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn links_are_followed_once_and_scripts_are_left_out() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        let make = |name: &str, text: &str, mode: u32| {
            fs::write(bin.join(name), text).expect("writes");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).expect("sets");
        };
        make("python3.12", "\x7fELF", 0o755);
        make("python3.11", "#!/bin/sh\nexec python3.12", 0o755);
        make("python3.10", "\x7fELF", 0o644);
        symlink("python3.12", bin.join("python3")).expect("links");
        symlink("nowhere", bin.join("python2")).expect("links");
        let real = fs::canonicalize(bin.join("python3.12")).expect("is there");
        assert_eq!(programs(std::slice::from_ref(&bin)), std::slice::from_ref(&real));
        // A prefix, and a folder of prefixes, will do as well.
        assert_eq!(configured(folder.path()), [real]);
        assert_eq!(configured(&bin.join("python3.11")), [bin.join("python3.11")]);
    }
}

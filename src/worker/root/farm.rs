//! Puts the host's `/usr` around unpacked packages: real folders where both have something, links
//! elsewhere.
//!
//! The host's `/usr` stands at [`HOST`] inside, as deep as `/usr` itself, so that relative links mean
//! the same from both. It is only read, by name and kind; no link of it or of a package is followed.

use super::alternatives;
use super::apt::SystemPackage;
use crate::error::Result;
use std::collections::BTreeMap;
use std::fs::{DirEntry, FileType};
use std::os::unix::fs::symlink;
use std::path::Path;

/// Where the host's own `/usr` is inside, around a root.
pub const HOST: &str = "/usr-host";

/// Folders that are one with those below `/usr` on every distribution of today.
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec"];

#[derive(Debug, Default)]
pub(super) struct Laid {
    pub packages: BTreeMap<String, String>,
    /// Below `/usr`, with a leading slash; and the package.
    pub libraries: BTreeMap<String, String>,
    pub bytes: u64,
}

/// Makes `root` from what was unpacked to `out/0000` and so on, and from the host's `/usr`; `out` is used up.
pub(super) fn lay_out(list: &[SystemPackage], out: &Path, root: &Path) -> Result<Laid> {
    let laid = merged(list, out, root)?;
    surround(&root.join("usr"), Path::new("/usr"), Path::new(HOST))?;
    for name in MERGED {
        // As on the host: `/lib` is a link to `usr/lib`.
        if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
            symlink(&target, root.join(name))?;
        }
    }
    Ok(laid)
}

/// The same for packages that are a whole system: of the host it has the interpreters alone.
pub(super) fn lay_out_whole(list: &[SystemPackage], out: &Path, root: &Path) -> Result<Laid> {
    let laid = merged(list, out, root)?;
    let usr = root.join("usr");
    for place in ["", "local"] {
        interpreters(&usr.join(place), &Path::new("/usr").join(place), &Path::new(HOST).join(place))?;
    }
    for name in MERGED.into_iter().filter(|name| usr.join(name).is_dir()) {
        symlink(Path::new("usr").join(name), root.join(name))?;
    }
    Ok(laid)
}

/// Links to the modules and the headers of the host's interpreters; a file where each of their programs is, for a mount.
fn interpreters(own: &Path, host: &Path, inside: &Path) -> Result<()> {
    let triplet = format!("include/{}-linux-gnu", std::env::consts::ARCH);
    for folder in ["bin", "lib", "include", &triplet] {
        for entry in std::fs::read_dir(host.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let target = own.join(folder).join(&name);
            let is_python = name.to_str().is_some_and(|name| name.starts_with("python"));
            if !is_python || target.symlink_metadata().is_ok() {
                continue;
            }
            std::fs::create_dir_all(own.join(folder))?;
            let is_program = folder == "bin";
            match entry.file_type()? {
                kind if is_program && kind.is_file() => std::fs::write(target, "")?,
                kind if is_program && kind.is_symlink() => {
                    symlink(std::fs::read_link(entry.path())?, target)?
                }
                _ => symlink(inside.join(folder).join(&name), target)?,
            }
        }
    }
    Ok(())
}

/// What packages brought, in the places where a system of today has it.
fn merged(list: &[SystemPackage], out: &Path, root: &Path) -> Result<Laid> {
    let usr = root.join("usr");
    std::fs::create_dir_all(&usr)?;
    let mut laid = Laid::default();
    let mut links = Vec::new();
    for (number, package) in list.iter().enumerate() {
        laid.packages.insert(package.name.clone(), package.version.clone());
        let unpacked = out.join(format!("{number:04}"));
        let mut mover = Mover { laid: &mut laid, package: &package.name };
        if unpacked.join("usr").symlink_metadata().is_ok_and(|found| found.is_dir()) {
            mover.merge(&unpacked.join("usr"), &usr, "")?;
        }
        for name in MERGED {
            let folder = unpacked.join(name);
            if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                let into = usr.join(name);
                real_folder(&into)?;
                mover.merge(&folder, &into, &format!("/{name}"))?;
            }
        }
        links.extend(alternatives::of(&out.join(format!("{number:04}.control/postinst"))));
    }
    alternatives::link(&links, &usr)?;
    Ok(laid)
}

/// Moves what a package brought to its place.
struct Mover<'a> {
    laid: &'a mut Laid,
    package: &'a str,
}

impl Mover<'_> {
    fn merge(&mut self, from: &Path, into: &Path, place: &str) -> Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            let (target, kind) = (into.join(&name), entry.file_type()?);
            let place = format!("{place}/{}", name.to_string_lossy());
            if kind.is_dir() {
                real_folder(&target)?;
                self.merge(&entry.path(), &target, &place)?;
                continue;
            }
            if kind.is_file() {
                self.laid.bytes += entry.metadata()?.len();
            }
            if kind.is_file() || kind.is_symlink() {
                if name.to_string_lossy().contains(".so") {
                    self.laid.libraries.insert(place, self.package.to_owned());
                }
                clear(&target)?;
                std::fs::rename(entry.path(), &target)?;
            }
        }
        Ok(())
    }
}

/// A folder, in the place of whatever else two packages may have put there.
fn real_folder(path: &Path) -> Result<()> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        clear(path)?;
        std::fs::create_dir(path)?;
    }
    Ok(())
}

fn clear(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => Ok(std::fs::remove_dir_all(path)?),
        Ok(_) => Ok(std::fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}

/// Fills `own` with links to what `host` has and it has not. `inside` is where `host` is inside.
fn surround(own: &Path, host: &Path, inside: &Path) -> Result<()> {
    // A folder that may not be read is as good as empty.
    for entry in std::fs::read_dir(host).into_iter().flatten() {
        let entry: DirEntry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let target = own.join(&name);
        let there = target.symlink_metadata().ok().map(|found| found.file_type());
        match there {
            Some(own_kind) if own_kind.is_dir() && kind.is_dir() => {
                surround(&target, &entry.path(), &inside.join(&name))?;
            }
            Some(_) => {}
            None => link_to(&entry, kind, &target, &inside.join(&name))?,
        }
    }
    Ok(())
}

fn link_to(entry: &DirEntry, kind: FileType, target: &Path, inside: &Path) -> Result<()> {
    let name = entry.file_name();
    if kind.is_symlink() {
        return Ok(symlink(std::fs::read_link(entry.path())?, target)?);
    }
    if kind.is_file() && finds_itself(&name.to_string_lossy()) {
        let copied = std::fs::copy(entry.path(), target);
        if copied.is_ok() {
            return Ok(());
        }
    }
    Ok(symlink(inside, target)?)
}

/// Programs that take the folder they are really in for the one they were installed to: compiler
/// drivers would look for headers below [`HOST`], interpreters for modules.
fn finds_itself(name: &str) -> bool {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
    let last = base.rsplit('-').next().unwrap_or(base);
    matches!(last, "gcc" | "g++" | "cpp" | "gfortran" | "cc" | "c++" | "python" | "pypy")
}

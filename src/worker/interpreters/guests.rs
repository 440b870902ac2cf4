//! Interpreters of other systems: built for musl or for another processor, they test what is built for those.
//!
//! None of them is started to learn what it is. Its name tells the version, its file the processor and the libc.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::build::target::Target;
use crate::packaging::elf::{Machine, is_elf};
use crate::packaging::tags::{Libc, Platform};
use crate::worker::sandbox::Mount;

/// Program headers that are looked at; real files have about ten.
const MOST_HEADERS: u16 = 64;
/// Bytes of the name of a loader.
const LONGEST_LOADER: u64 = 4096;
/// A program that every system has, to know this one's libc by.
const ORDINARY: &str = "/bin/sh";
/// The Debian package with emulators for programs of other processors.
const QEMU: &str = "qemu-user";
/// The Debian package with the loader of musl.
pub const MUSL: &str = "musl";

/// An interpreter that is none of this machine's own system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub(super) executable: PathBuf,
    /// `cp312`, `cp313t`
    python: String,
    head: Head,
}

/// How an interpreter of another system is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launcher {
    /// What stands before its own path: `/usr/bin/qemu-aarch64 -L /usr/aarch64-linux-gnu`. Empty: the kernel starts it.
    pub words: Vec<String>,
    /// The option after them that is followed by the name under which it was called.
    pub argv0: &'static str,
    /// What runs machine code of another processor: `qemu-aarch64`.
    pub emulator: Option<String>,
    /// The system packages with those parts that this machine lacks.
    pub packages: Vec<String>,
    /// The folders of the other parts that are not below `/usr`.
    pub mounts: Vec<Mount>,
}

/// What the first bytes of a program tell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    arch: String,
    /// The dynamic loader: `/lib/ld-musl-x86_64.so.1`.
    loader: PathBuf,
}

/// The interpreters of this machine's own system, as far as anybody can tell, and those of others.
pub(super) fn divide(candidates: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<Guest>) {
    let (mut own, mut guests) = (Vec::new(), Vec::new());
    let host = Head::of(Path::new(ORDINARY));
    for path in candidates {
        match Guest::of(&path, host.as_ref()) {
            Some(guest) => guests.push(guest),
            None => own.push(path),
        }
    }
    (own, guests)
}

impl Guest {
    /// `None` for an interpreter that may well be this machine's own.
    fn of(path: &Path, host: Option<&Head>) -> Option<Self> {
        let executable = std::fs::canonicalize(path).ok()?;
        let head = Head::of(&executable)?;
        let is_other =
            head.arch != std::env::consts::ARCH || host.is_some_and(|host| host.is_musl() != head.is_musl());
        let version = executable.file_name()?.to_str()?.strip_prefix("python")?;
        let (major, minor) = version.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let known = is_number(major) && is_number(minor.strip_suffix('t').unwrap_or(minor));
        let python = format!("cp{major}{minor}");
        (is_other && known).then_some(Self { python, executable, head })
    }

    /// Whether it loads what is built for this target.
    pub fn fits(&self, target: &Target) -> bool {
        let Some(Platform::Linux { arch, libc }) = target.linux() else { return false };
        let is_musl = matches!(libc, Libc::Musl(..));
        self.python == target.halves().0 && self.head.arch == arch && self.head.is_musl() == is_musl
    }

    /// How it is started here.
    ///
    /// # Errors
    /// What it lacks for that.
    pub(super) fn launcher(&self) -> Result<Launcher, String> {
        match self.head.arch == std::env::consts::ARCH {
            true => Ok(self.loaded()),
            false => self.emulated(),
        }
    }

    /// On this processor: its loader is all that it needs.
    fn loaded(&self) -> Launcher {
        let Some(root) = self.root() else {
            // The kernel starts it, if the loader is where it should be.
            let packages = (!self.head.loader.exists()).then(|| MUSL.to_owned());
            return Launcher { packages: packages.into_iter().collect(), ..Launcher::default() };
        };
        let folders = ["lib", "usr/local/lib", "usr/lib"].map(|folder| text(&root.join(folder)));
        let words =
            vec![text(&inside(&root, &self.head.loader)), "--library-path".to_owned(), folders.join(":")];
        Launcher { words, argv0: "--argv0", mounts: vec![Mount::read(&root, &root)], ..Launcher::default() }
    }

    /// On another processor: an emulator runs it, with the libraries of its system.
    fn emulated(&self) -> Result<Launcher, String> {
        let arch = &self.head.arch;
        let mut launcher =
            Launcher { argv0: "-0", emulator: Some(format!("qemu-{arch}")), ..Launcher::default() };
        let program = emulator(arch).unwrap_or_else(|| {
            launcher.packages.push(QEMU.to_owned());
            PathBuf::from(format!("/usr/bin/qemu-{arch}"))
        });
        if !program.starts_with("/usr") {
            launcher.mounts.push(Mount::read(&program, &program));
        }
        launcher.words.push(text(&program));
        // Where Debian's cross compilers have theirs.
        let usual = PathBuf::from(format!("/usr/{arch}-linux-gnu"));
        let libraries = match self.root() {
            Some(root) => {
                launcher.mounts.push(Mount::read(&root, &root));
                Some(root)
            }
            None if !self.head.is_musl() && inside(&usual, &self.head.loader).exists() => Some(usual),
            None if self.head.loader.exists() => None,
            None if self.head.is_musl() => {
                let (program, loader) = (self.executable.display(), self.head.loader.display());
                return Err(format!("{program} needs {loader}, which this machine does not have"));
            }
            None => {
                launcher.packages.extend(libraries(arch));
                Some(usual)
            }
        };
        launcher.words.extend(libraries.iter().flat_map(|root| ["-L".to_owned(), text(root)]));
        Ok(launcher)
    }

    /// The unpacked system that it is part of: a folder above it with its loader, none of this machine's own.
    fn root(&self) -> Option<PathBuf> {
        let above = self.executable.ancestors().skip(1);
        let apart = above.filter(|folder| folder.parent().is_some() && !folder.starts_with("/usr"));
        let mut with_loader = apart.filter(|folder| inside(folder, &self.head.loader).exists());
        with_loader.next().map(Path::to_owned)
    }
}

/// The Debian packages with the libraries that programs of another processor expect.
fn libraries(arch: &str) -> [String; 3] {
    let debian = match arch {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        other => other,
    };
    ["libc6", "libgcc-s1", "libstdc++6"].map(|name| format!("{name}-{debian}-cross"))
}

/// The program that runs those of another processor, if it is here.
fn emulator(arch: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    folders.push(PathBuf::from("/usr/bin"));
    let names = [format!("qemu-{arch}-static"), format!("qemu-{arch}")];
    let mut all = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    all.find(|program| program.is_file())
}

/// An absolute path of another system, in the folder that it is unpacked to.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Head {
    /// Of a dynamically linked program; `None` for any other file.
    fn of(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut start = [0; 64];
        file.read_exact_at(&mut start, 0).ok()?;
        // Zig compiles for processors of 64 bits that begin with the lowest byte.
        if !is_elf(&start) || start.get(4..6)? != [2, 1] {
            return None;
        }
        let arch = Machine(u16::from_le_bytes(bytes(&start, 18)?)).arch(true, false)?.to_owned();
        let table = u64::from_le_bytes(bytes(&start, 32)?);
        let size = u64::from(u16::from_le_bytes(bytes(&start, 54)?));
        for number in 0..u16::from_le_bytes(bytes(&start, 56)?).min(MOST_HEADERS) {
            let mut header = [0; 56];
            file.read_exact_at(&mut header, table.checked_add(size * u64::from(number))?).ok()?;
            // `PT_INTERP`
            if u32::from_le_bytes(bytes(&header, 0)?) == 3 {
                let length = u64::from_le_bytes(bytes(&header, 32)?).min(LONGEST_LOADER);
                let mut name = vec![0; usize::try_from(length).ok()?];
                file.read_exact_at(&mut name, u64::from_le_bytes(bytes(&header, 8)?)).ok()?;
                let name = String::from_utf8(name).ok()?;
                return Some(Self { arch, loader: PathBuf::from(name.trim_end_matches('\0')) });
            }
        }
        None
    }

    fn is_musl(&self) -> bool {
        let name = self.loader.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ld-musl-"))
    }
}

fn bytes<const N: usize>(all: &[u8], at: usize) -> Option<[u8; N]> {
    all.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a program for a processor, with the loader that it names.
    fn program(machine: u16, loader: &str) -> Vec<u8> {
        let mut file = vec![0; 128];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = 3;
        file[72] = 128;
        file[96] = u8::try_from(loader.len()).unwrap() + 1;
        file.extend([loader.as_bytes(), b"\0"].concat());
        file
    }

    fn target(name: &str) -> Target {
        Target { name: name.to_owned(), ..Target::default() }
    }

    /// Programs in a folder as if they were this machine's, which has glibc.
    fn guests(folder: &Path, programs: &[(&str, u16, &str)]) -> Vec<Guest> {
        let host =
            Head { arch: std::env::consts::ARCH.to_owned(), loader: "/lib64/ld-linux-x86-64.so.2".into() };
        let write = |(name, machine, loader): &(&str, u16, &str)| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, program(*machine, loader)).unwrap();
            Guest::of(&path, Some(&host))
        };
        programs.iter().filter_map(write).collect()
    }

    #[test]
    fn an_interpreter_of_another_libc_or_processor_is_for_the_targets_of_its_system() {
        let folder = tempfile::tempdir().unwrap();
        let own = if std::env::consts::ARCH == "aarch64" { 183 } else { 62 };
        let all = guests(
            folder.path(),
            &[
                ("python3.12", own, "/lib/ld-musl-own.so.1"),
                ("python3.11", 245 - own, "/lib/ld-linux-other.so.1"),
                ("python3.10", own, "/lib64/ld-linux-x86-64.so.2"),
                ("python3", own, "/lib/ld-musl-own.so.1"),
                ("bash", own, "/lib/ld-musl-own.so.1"),
            ],
        );
        let (arch, other) = match std::env::consts::ARCH {
            "aarch64" => ("aarch64", "x86_64"),
            _ => ("x86_64", "aarch64"),
        };
        let fits = |name: &str| all.iter().filter(|guest| guest.fits(&target(name))).count();
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(fits(&format!("cp312-musllinux_1_2_{arch}")), 1);
        assert_eq!(fits(&format!("cp311-manylinux_2_17_{other}")), 1);
        for name in ["cp312-manylinux_2_17", "cp311-musllinux_1_2", "cp312t-musllinux_1_2"] {
            assert_eq!(fits(&format!("{name}_{arch}")) + fits(&format!("{name}_{other}")), 0, "{name}");
        }
    }

    #[test]
    fn one_in_an_unpacked_system_is_started_with_the_libraries_of_that_system() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("alpine");
        let own = if std::env::consts::ARCH == "aarch64" { 183 } else { 62 };
        let programs = [("alpine/usr/bin/python3.12", own, "/lib/ld-musl-test.so.1")];
        let alone = guests(folder.path(), &programs).pop().unwrap().launcher().unwrap();
        assert!(alone.words.is_empty() && alone.packages == ["musl"], "{alone:?}");
        std::fs::create_dir_all(root.join("lib")).unwrap();
        std::fs::write(root.join("lib/ld-musl-test.so.1"), "").unwrap();
        let whole = guests(folder.path(), &programs).pop().unwrap().launcher().unwrap();
        assert_eq!(whole.words.first(), Some(&text(&root.join("lib/ld-musl-test.so.1"))));
        assert_eq!(whole.mounts, [Mount::read(&root, &root)]);
        assert!(whole.packages.is_empty());
        let emulated = [("alpine/usr/bin/python3.12", 245 - own, "/lib/ld-musl-test.so.1")];
        let whole = guests(folder.path(), &emulated).pop().unwrap().launcher().unwrap();
        assert_eq!(whole.words.get(1..), Some(["-L".to_owned(), text(&root)].as_slice()));
        std::fs::remove_file(root.join("lib/ld-musl-test.so.1")).unwrap();
        let told = guests(folder.path(), &emulated).pop().unwrap().launcher().unwrap_err();
        assert!(told.contains("/lib/ld-musl-test.so.1"), "{told}");
    }
}

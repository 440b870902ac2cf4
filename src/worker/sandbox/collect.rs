//! Takes what a dead run left in its output folder, without trusting anything about it.

use crate::config::units::show_bytes;
use crate::tools::hex;
use crate::words::{Class, Failure, Step};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that was taken: a new inode that no process of the build ever had open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedFile {
    pub name: String,
    /// The copy.
    pub path: PathBuf,
    pub size: u64,
    /// Hexadecimal, computed while copying.
    pub sha256: String,
}

/// What an output folder may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub files: usize,
    /// All files together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { files: 64, bytes: 4 << 30 }
    }
}

/// Copies every file of `folder` into `into`, which is made if it is not there and must be the
/// worker's own; sorted by name. To be called only after the run has ended. If anything is refused,
/// nothing is copied.
///
/// # Errors
/// `Class::WrongWheel` for anything but a few ordinary files with ordinary names; `Class::Worker` if
/// the worker's own disk fails.
pub async fn collect(folder: &Path, into: &Path, bounds: Bounds) -> Result<Vec<CollectedFile>, Failure> {
    let (folder, into) = (folder.to_owned(), into.to_owned());
    let taken = tokio::task::spawn_blocking(move || take_all(&folder, &into, bounds)).await;
    taken.map_err(|error| Failure::new(Class::Worker, Step::Collect, error.to_string()))?
}

fn take_all(folder: &Path, into: &Path, bounds: Bounds) -> Result<Vec<CollectedFile>, Failure> {
    std::fs::create_dir_all(into).map_err(|error| ours(into, &error))?;
    let outputs = Outputs::open(folder)?;
    let mut taken = Vec::new();
    let mut left = bounds.bytes;
    let result = outputs.names(bounds.files).and_then(|names| {
        for name in names {
            let one = take(&outputs, &name, into, left)?;
            left -= one.size;
            taken.push(one);
        }
        Ok(())
    });
    match result {
        Ok(()) => Ok(taken),
        Err(failure) => {
            for one in &taken {
                let _ = std::fs::remove_file(&one.path);
            }
            Err(failure)
        }
    }
}

/// A name that means the same everywhere, and is no option on any command line.
fn check_name(name: &str) -> Result<(), Failure> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '"' | '<' | '>' | '|' | '*' | '?');
    match name.len() > 255 || name.starts_with(['-', '.', ' ']) || name.contains(odd) {
        true => Err(wrong(name, "is not a valid name of a wheel")),
        false => Ok(()),
    }
}

fn take(outputs: &Outputs, name: &str, into: &Path, left: u64) -> Result<CollectedFile, Failure> {
    let (mut source, before) = outputs.file(name)?;
    if before.size > left {
        return Err(wrong(name, &format!("is larger than allowed ({})", show_bytes(left))));
    }
    // A wheel is compressed: nobody writes one with holes in it.
    if before.size > 64 << 20 && before.on_disk.saturating_mul(16) < before.size {
        return Err(wrong(name, "is a sparse file"));
    }
    let path = into.join(name);
    let mut copy = File::create_new(&path).map_err(|error| ours(&path, &error))?;
    let copied = copy_hashed(&mut source, &mut copy, before.size);
    let after = Facts::of(&source).map_err(|error| ours(&path, &error))?;
    let failed = match copied {
        Ok((size, sha256)) if size == before.size && after == before => {
            return Ok(CollectedFile { name: name.to_owned(), path, size, sha256 });
        }
        Ok(_) => wrong(name, "changed while it was read"),
        Err(error) => ours(&path, &error),
    };
    let _ = std::fs::remove_file(&path);
    Err(failed)
}

/// Copies one byte more than `most` at most, so that growing shows.
fn copy_hashed(source: &mut File, copy: &mut File, most: u64) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut limited = source.take(most + 1);
    let mut size = 0;
    loop {
        let count = limited.read(&mut buffer)?;
        let part = buffer.get(..count).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hash.update(part);
        copy.write_all(part)?;
        size += count as u64;
    }
    Ok((size, hex::encode(hash.finalize())))
}

/// What must not change while a file is read.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    regular: bool,
    links: u64,
    size: u64,
    on_disk: u64,
    modified: Option<std::time::SystemTime>,
}

impl Facts {
    fn of(file: &File) -> std::io::Result<Self> {
        let facts = file.metadata()?;
        let (links, on_disk) = (facts.nlink(), facts.blocks() * 512);
        let modified = facts.modified().ok();
        Ok(Self { regular: facts.is_file(), links, size: facts.len(), on_disk, modified })
    }
}

/// The output folder, held open: nothing is looked up by its path again.
struct Outputs {
    folder: std::os::fd::OwnedFd,
}

impl Outputs {
    fn open(folder: &Path) -> Result<Self, Failure> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty());
        Ok(Self { folder: opened.map_err(|error| ours(folder, &error.into()))? })
    }

    fn names(&self, most: usize) -> Result<Vec<String>, Failure> {
        let unreadable = |error: rustix::io::Errno| {
            Failure::new(Class::Worker, Step::Collect, format!("the output: {error}"))
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_owned();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let name = name.into_string().map_err(|_| wrong("a file", "has a name that is not UTF-8"))?;
            check_name(&name)?;
            names.push(name);
            if names.len() > most {
                return Err(Failure::new(
                    Class::WrongWheel,
                    Step::Collect,
                    format!("the build left more than {most} files instead of one wheel"),
                ));
            }
        }
        names.sort();
        Ok(names)
    }

    fn file(&self, name: &str) -> Result<(File, Facts), Failure> {
        use rustix::fs::{AtFlags, FileType, Mode, OFlags};
        // To open a device or a FIFO does things already.
        let facts = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let facts = facts.map_err(|error| wrong(name, &format!("cannot be read: {error}")))?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(wrong(name, "is a folder, not a wheel")),
            FileType::Symlink => return Err(wrong(name, "is a link, not a wheel")),
            other => return Err(wrong(name, &format!("is not a file: {other:?}"))),
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
        #[cfg(target_os = "linux")]
        let opened = {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            rustix::fs::openat2(&self.folder, name, flags, Mode::empty(), resolve)
        };
        #[cfg(not(target_os = "linux"))]
        let opened = rustix::fs::openat(&self.folder, name, flags, Mode::empty());
        let file = File::from(opened.map_err(|error| wrong(name, &format!("cannot be opened: {error}")))?);
        checked(name, file)
    }
}

fn checked(name: &str, file: File) -> Result<(File, Facts), Failure> {
    let facts = Facts::of(&file).map_err(|error| wrong(name, &format!("cannot be read: {error}")))?;
    match (facts.regular, facts.links) {
        (true, 1) => Ok((file, facts)),
        (true, links) => Err(wrong(name, &format!("has {links} hard links"))),
        (false, _) => Err(wrong(name, "is not a regular file")),
    }
}

fn wrong(name: &str, what: &str) -> Failure {
    Failure::new(Class::WrongWheel, Step::Collect, format!("the build left {name:?}, which {what}"))
}

fn ours(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Class::Worker,
        Step::Collect,
        format!("the worker cannot collect the wheel: {}: {error}", path.display()),
    )
}

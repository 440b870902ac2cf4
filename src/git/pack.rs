//! Files as a `.tar.gz` with one top folder: in order, and without owner, times or other rights than
//! "executable", so that the same content is the same archive.

use crate::bad;
use crate::error::{Error, Result};
use crate::tools::links;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

/// What ZIP archives can express in every time zone; wheels are such archives.
const EARLIEST: i64 = 315_619_200;

/// Writes one archive.
pub(super) struct Packer {
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    top: PathBuf,
    /// Seconds since 1970, of all members.
    at: u64,
    left: u64,
}

impl Packer {
    /// Begins the file `archive`; its members lie below `top`. At most `most` bytes are packed.
    pub fn create(archive: &Path, top: &str, at: i64, most: u64) -> Result<Self> {
        let file = File::create(archive)?;
        // No name and no time in the header of gzip.
        let gzip = flate2::GzBuilder::new().mtime(0).write(BufWriter::new(file), Compression::new(6));
        let mut tar = tar::Builder::new(gzip);
        tar.follow_symlinks(false);
        let at = at.max(EARLIEST).unsigned_abs();
        let mut packer = Self { tar, top: top.into(), at, left: most };
        packer.header(Path::new(""), EntryType::Directory, 0o755, 0, &[][..])?;
        Ok(packer)
    }

    /// All of `root`, `.git` included.
    pub fn folder(&mut self, root: &Path) -> Result<()> {
        self.walk(root, Path::new(""), Path::new(""), &|_, _| true)
    }

    /// What lies in `root` and below, for which `keep(path below root, is a folder)` holds.
    pub fn folder_where(&mut self, root: &Path, keep: &dyn Fn(&Path, bool) -> bool) -> Result<()> {
        self.walk(root, Path::new(""), Path::new(""), keep)
    }

    /// All of `root`, as the folder `name` of the archive.
    pub fn folder_as(&mut self, root: &Path, name: &str) -> Result<()> {
        self.header(Path::new(name), EntryType::Directory, 0o755, 0, &[][..])?;
        self.walk(root, Path::new(""), Path::new(name), &|_, _| true)
    }

    fn walk(
        &mut self,
        root: &Path,
        below: &Path,
        prefix: &Path,
        keep: &dyn Fn(&Path, bool) -> bool,
    ) -> Result<()> {
        let mut entries: Vec<fs::DirEntry> =
            fs::read_dir(root.join(below))?.collect::<std::io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, is_folder) = (below.join(entry.file_name()), entry.file_type()?.is_dir());
            if !keep(&path, is_folder) {
                continue;
            }
            let name = prefix.join(&path);
            if is_folder {
                self.header(&name, EntryType::Directory, 0o755, 0, &[][..])?;
                self.walk(root, &path, prefix, keep)?;
            } else {
                self.file(&entry.path(), &name)?;
            }
        }
        Ok(())
    }

    /// One file or symbolic link, by its name in the archive. Sockets and the like are left out, and
    /// so are links that lead out of the tree: they would mean something else where it is unpacked.
    pub fn file(&mut self, path: &Path, name: &Path) -> Result<()> {
        let about = fs::symlink_metadata(path)?;
        if about.is_symlink() {
            let target = fs::read_link(path)?;
            return if links::stays_inside(name.parent().unwrap_or(name), &target) {
                self.link(name, &target)
            } else {
                Ok(())
            };
        }
        if !about.is_file() {
            return Ok(());
        }
        let file = File::open(path)?;
        // What is open counts, not what was listed.
        let about = file.metadata()?;
        self.left = self
            .left
            .checked_sub(about.len())
            .ok_or_else(|| Error::TooLarge(format!("the source tree is too large, at {}", name.display())))?;
        let mode = if is_executable(&about) { 0o755 } else { 0o644 };
        self.header(name, EntryType::Regular, mode, about.len(), Exactly { file, left: about.len() })
    }

    fn link(&mut self, name: &Path, target: &Path) -> Result<()> {
        let mut header = self.blank(EntryType::Symlink, 0o777, 0);
        self.tar.append_link(&mut header, self.top.join(name), target)?;
        Ok(())
    }

    fn header(
        &mut self,
        name: &Path,
        kind: EntryType,
        mode: u32,
        size: u64,
        bytes: impl std::io::Read,
    ) -> Result<()> {
        let mut header = self.blank(kind, mode, size);
        let name = self.top.join(name);
        self.tar
            .append_data(&mut header, &name, bytes)
            .map_err(|error| bad!("cannot pack {}: {error}", name.display()))
    }

    fn blank(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(self.at);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    /// Ends the archive.
    pub fn finish(self) -> Result<()> {
        let mut file = self.tar.into_inner()?.finish()?;
        file.flush()?;
        Ok(())
    }
}

/// As many bytes as the header promised: a file that shrinks meanwhile is an error, one that grows
/// is cut.
struct Exactly {
    file: File,
    left: u64,
}

impl std::io::Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(std::io::Error::other("the file became shorter while wheelwright read it"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn is_executable(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o100 != 0
}

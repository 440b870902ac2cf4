//! A folder that an archive is unpacked into: nothing is ever written outside it.

use crate::tools::links;
use std::collections::HashSet;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Bytes of all files together.
const MOST_BYTES: u64 = 16 << 30;
/// Members of an archive.
const MOST_MEMBERS: u64 = 400_000;

pub(super) struct Unpacking {
    root: PathBuf,
    /// Real folders, made or seen by us.
    folders: HashSet<PathBuf>,
    /// Made last of all, so that nothing is written through them.
    links: Vec<(PathBuf, PathBuf)>,
    bytes: u64,
    members: u64,
}

impl Unpacking {
    pub fn new(root: &Path) -> Result<Self, String> {
        fs::create_dir_all(root).map_err(|error| format!("{}: {error}", root.display()))?;
        let folders = HashSet::from([PathBuf::new()]);
        Ok(Self { root: root.to_owned(), folders, links: Vec::new(), bytes: 0, members: 0 })
    }

    pub fn folder(&mut self, name: &str) -> Result<(), String> {
        let path = self.inner(name)?;
        self.make_folder(&path)
    }

    /// Writes a file; one that is there already is replaced.
    pub fn file(
        &mut self,
        name: &str,
        content: &mut impl Read,
        executable: bool,
        modified: Option<SystemTime>,
    ) -> Result<(), String> {
        let path = self.ready(name)?;
        let failed = |error: io::Error| format!("{name:?}: {error}");
        let mut file = File::create_new(&path).map_err(failed)?;
        let left = MOST_BYTES - self.bytes;
        let written = io::copy(&mut content.take(left + 1), &mut file).map_err(failed)?;
        if written > left {
            return Err(format!("the archive unpacks to more than {MOST_BYTES} bytes"));
        }
        self.bytes += written;
        if let Some(modified) = modified {
            // Build systems compare times; one that the file system cannot keep is no loss.
            let _ = file.set_times(FileTimes::new().set_modified(modified));
        }
        make_executable(&file, executable).map_err(failed)
    }

    /// A hard link: the same content under a second name, as a file of its own.
    pub fn copy(&mut self, name: &str, earlier: &str) -> Result<(), String> {
        let earlier_path = self.inner(earlier)?;
        let source = self.root.join(earlier_path);
        if !source.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
            return Err(format!("{name:?} is a link to {earlier:?}, which is not in the archive"));
        }
        let executable = is_executable(&source);
        let mut source = File::open(source).map_err(|error| format!("{earlier:?}: {error}"))?;
        let modified = source.metadata().and_then(|facts| facts.modified()).ok();
        self.file(name, &mut source, executable, modified)
    }

    /// Notes a symbolic link for [`Place::finish`]; one that leads outside is left out.
    pub fn link(&mut self, name: &str, target: &str) -> Result<(), String> {
        let path = self.inner(name)?;
        let parent = path.parent().unwrap_or(Path::new("")).to_owned();
        match links::stays_inside(&parent, Path::new(target)) {
            true => self.links.push((path, PathBuf::from(target))),
            false => println!("ignoring {name:?}: a link to {target:?}, outside the archive"),
        }
        Ok(())
    }

    /// Makes the links.
    pub fn finish(self) -> Result<(), String> {
        let mut place = Self { links: Vec::new(), ..self };
        for (path, target) in self.links {
            place.make_folder(path.parent().unwrap_or(Path::new("")))?;
            let path = place.root.join(path);
            if path.symlink_metadata().is_ok() {
                continue;
            }
            symlink(&target, &path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// The path on disk, its folder made and nothing in its place.
    fn ready(&mut self, name: &str) -> Result<PathBuf, String> {
        let inner = self.inner(name)?;
        if inner.as_os_str().is_empty() {
            return Err(format!("{name:?} is not a valid file name"));
        }
        self.make_folder(inner.parent().unwrap_or(Path::new("")))?;
        let path = self.root.join(inner);
        if path.symlink_metadata().is_ok_and(|facts| !facts.is_dir()) {
            fs::remove_file(&path).map_err(|error| format!("{name:?}: {error}"))?;
        }
        Ok(path)
    }

    /// The member's path below the root, however it is written.
    fn inner(&mut self, name: &str) -> Result<PathBuf, String> {
        self.members += 1;
        if self.members > MOST_MEMBERS {
            return Err(format!("the archive has more than {MOST_MEMBERS} members"));
        }
        let mut inner = PathBuf::new();
        for part in Path::new(name).components() {
            match part {
                Component::Normal(part) => inner.push(part),
                Component::CurDir => {}
                _ => return Err(format!("{name:?} lies outside the archive")),
            }
        }
        Ok(inner)
    }

    fn make_folder(&mut self, inner: &Path) -> Result<(), String> {
        if self.folders.contains(inner) {
            return Ok(());
        }
        self.make_folder(inner.parent().unwrap_or(Path::new("")))?;
        let path = self.root.join(inner);
        let failed = |error: io::Error| format!("{}: {error}", inner.display());
        match path.symlink_metadata() {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => return Err(format!("{} is a file and a folder", inner.display())),
            Err(_) => fs::create_dir(&path).map_err(failed)?,
        }
        self.folders.insert(inner.to_owned());
        Ok(())
    }
}

fn make_executable(file: &File, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if executable { 0o755 } else { 0o644 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o111 != 0)
}

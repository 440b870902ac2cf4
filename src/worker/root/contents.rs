//! Which system package has a file, by the distribution's own index of what its packages contain.
//!
//! apt downloads the index into a folder of ours and checks its signature; what builds can ask for is
//! kept of it, as lines of a path and its packages. It is fetched anew once a week; without the network
//! the old one serves. One that lacks a part, since a mirror failed, serves for some minutes if there is no other.

use super::apt::Apt;
use super::rank::{self, PackageOfFile};
use crate::build::failure::Absent;
use crate::error::{Error, Result};
use crate::{bad, unavailable};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

/// How long an index is believed.
const BELIEVED: Duration = Duration::from_secs(7 * 24 * 3600);
/// After a failure it is not asked for again for so long.
const PAUSE: Duration = Duration::from_secs(600);
/// Bytes that are kept of it; Debian's comes to 33 MB.
const LARGEST: usize = 256 << 20;
/// Part of apt; reads its files whatever they are compressed with.
const READER: &str = "/usr/lib/apt/apt-helper";

/// The index of one worker.
#[derive(Debug)]
pub(super) struct ContentsIndex {
    folder: PathBuf,
}

impl ContentsIndex {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The packages that have it, the best first.
    ///
    /// # Errors
    /// If there is no index, and none can be had.
    pub async fn find(&self, absent: &Absent, apt: &Apt) -> Result<Vec<PackageOfFile>> {
        let index = self.index(apt).await?;
        let found = match best(absent, index.clone()).await? {
            Ok(found) => found,
            // A disk may lie: it is fetched anew.
            Err(_) => {
                drop(std::fs::remove_file(&index));
                best(absent, self.index(apt).await?).await??
            }
        };
        match std::fs::read_to_string(self.left_out()) {
            Ok(why) if found.is_empty() => {
                Err(bad!("the index of what system packages contain is not complete: {}", why.trim()))
            }
            _ => Ok(found),
        }
    }

    /// Says what the index lacks, if it lacks something.
    fn left_out(&self) -> PathBuf {
        self.folder.join("left-out")
    }

    async fn index(&self, apt: &Apt) -> Result<PathBuf> {
        let index = self.folder.join("index");
        if is_younger(&index, BELIEVED) {
            return Ok(index);
        }
        let _turn = self.turn().await?;
        if is_younger(&index, BELIEVED) {
            return Ok(index);
        }
        let failed = self.folder.join("failed");
        let fetched = match is_younger(&failed, PAUSE) {
            true => {
                let why = std::fs::read_to_string(&failed).unwrap_or_default();
                Err(unavailable!("a moment ago it failed: {}", why.trim()))
            }
            false => {
                let fetched = self.fetch(apt).await;
                if let Err(error) = &fetched {
                    std::fs::write(failed, error.to_string())?;
                }
                fetched
            }
        };
        match fetched {
            Ok(()) => Ok(index),
            // What packages contained last month will do.
            Err(_) if index.is_file() => Ok(index),
            Err(error) => Err(bad!("there is no index of what system packages contain: {error}")),
        }
    }

    /// One at a time fetches, of all workers with this folder.
    async fn turn(&self) -> Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        let lock = File::options().create(true).truncate(false).write(true).open(self.folder.join("lock"))?;
        tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await?.map_err(Error::from)
    }

    async fn fetch(&self, apt: &Apt) -> Result<()> {
        let lists = self.folder.join("lists");
        // What an attempt that broke off left may be damaged.
        drop(std::fs::remove_dir_all(&lists));
        let left_out = apt.contents(&lists).await?;
        let (index, new) =
            (self.folder.join("index"), self.folder.join(format!("new-{}", std::process::id())));
        let (from, to) = (lists.clone(), new.clone());
        let (kept, unreadable) = tokio::task::spawn_blocking(move || condense(&from, &to)).await??;
        // A hundred megabytes that nobody reads again.
        std::fs::remove_dir_all(lists)?;
        let why = left_out.or(unreadable);
        if kept == 0 || why.is_some() && index.is_file() {
            drop(std::fs::remove_file(&new));
            return Err(match why {
                Some(why) => unavailable!("{why}"),
                None => bad!("apt has no index of what packages contain for its sources"),
            });
        }
        drop(std::fs::remove_file(self.left_out()));
        if let Some(why) = why {
            std::fs::write(self.left_out(), why)?;
            File::open(&new)?.set_modified(SystemTime::now() - BELIEVED + PAUSE)?;
        }
        Ok(std::fs::rename(new, index)?)
    }
}

async fn best(absent: &Absent, index: PathBuf) -> Result<std::io::Result<Vec<PackageOfFile>>> {
    let absent = absent.clone();
    let read = move || std::fs::read_to_string(index).map(|index| rank::best(&absent, &index));
    Ok(tokio::task::spawn_blocking(read).await?)
}

fn started(command: &mut Command) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).spawn().map_err(|e| bad!("cannot start {name}: {e}"))
}

fn is_younger(path: &Path, age: Duration) -> bool {
    let written = path.metadata().and_then(|found| found.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < age))
}

/// Writes what builds can ask for, out of all indices in `lists`; gives its bytes, and why one of the indices cannot be
/// read. A line that is none is left out.
fn condense(lists: &Path, to: &Path) -> Result<(usize, Option<String>)> {
    let (mut kept, mut unreadable) = (0, None);
    let mut out = BufWriter::new(File::create(to)?);
    for entry in std::fs::read_dir(lists)? {
        let path = entry?.path();
        let is_index = path.file_name().is_some_and(|name| name.to_string_lossy().contains("_Contents-"));
        if !is_index {
            continue;
        }
        let mut all = started(Command::new(READER).arg("cat-file").arg(&path).stdin(Stdio::null()))?;
        let mut some = Command::new("grep");
        some.args(["-a", "-E", rank::PATTERN])
            .env("LC_ALL", "C")
            .stdin(all.stdout.take().map_or_else(Stdio::null, Stdio::from));
        let mut some = started(&mut some)?;
        let printed = some.stdout.take().ok_or_else(|| bad!("grep prints nothing"))?;
        for line in BufReader::new(printed.take(LARGEST as u64)).split(b'\n') {
            if let Some(line) = std::str::from_utf8(&line?).ok().and_then(rank::kept) {
                kept += line.len() + 1;
                writeln!(out, "{line}")?;
            }
        }
        let _ = some.kill();
        let _ = some.wait();
        if kept > LARGEST / 2 {
            let _ = all.kill();
            let _ = all.wait();
            return Err(bad!("the index of what system packages contain is larger than expected"));
        }
        if !all.wait()?.success() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            unreadable.get_or_insert_with(|| format!("{READER} cannot read {name}"));
        }
    }
    out.flush()?;
    Ok((kept, unreadable))
}

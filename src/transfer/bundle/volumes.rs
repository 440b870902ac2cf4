//! One stream of bytes over the volumes of a bundle, on its way in and out.

use crate::bad;
use crate::error::Result;
use crate::packaging::bundle::volume::{self, HEADER, MAGIC, VolumeHeader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The bytes of a bundle, from its file or from its volumes in their order.
pub struct JoinedVolumes {
    /// Those that are yet to be read, the next one last, with the bytes to skip at their begin.
    open: Vec<(PathBuf, u64)>,
    current: Option<BufReader<File>>,
    /// What the volumes say that they are of.
    pub bundle: Option<String>,
}

impl JoinedVolumes {
    /// Looks at the files; their order does not matter.
    ///
    /// # Errors
    /// `Bad` if one is missing, not whole, or of another bundle.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut volumes = Vec::new();
        for path in paths {
            volumes.push((path, header(path)?));
        }
        if let [(path, None)] = &volumes[..] {
            return Ok(Self { open: vec![((*path).clone(), 0)], current: None, bundle: None });
        }
        let mut sorted: Vec<Option<PathBuf>> = Vec::new();
        let mut first: Option<VolumeHeader> = None;
        for (path, header) in volumes {
            let shown = path.display();
            let header =
                header.ok_or_else(|| bad!("{shown} is not a volume of a bundle: name one bundle alone"))?;
            let known = first.get_or_insert_with(|| header.clone());
            if (&header.bundle, header.count) != (&known.bundle, known.count) {
                return Err(bad!("{shown} is a volume of another bundle"));
            }
            sorted.resize(header.count as usize, None);
            let place = sorted.get_mut(header.number as usize - 1);
            if let Some(other) = place.and_then(|place| place.replace(path.clone())) {
                return Err(bad!("{shown} and {} are the same volume", other.display()));
            }
        }
        let missing: Vec<String> = (1..)
            .zip(&sorted)
            .filter(|(_, path)| path.is_none())
            .map(|(number, _)| i32::to_string(&number))
            .collect();
        if !missing.is_empty() {
            let (count, of) = (sorted.len(), missing.join(", "));
            return Err(bad!("volume {of} of {count} is missing: name all volumes of the bundle"));
        }
        let open = sorted.into_iter().flatten().rev().map(|path| (path, HEADER as u64)).collect();
        Ok(Self { open, current: None, bundle: first.map(|first| first.bundle) })
    }
}

/// The other volumes in the folder of one, with it; any other file is alone.
///
/// # Errors
/// `Bad` if the folder or the file cannot be read.
pub fn volumes_beside(path: &Path) -> Result<Vec<PathBuf>> {
    let Some(own) = header(path)? else { return Ok(vec![path.to_owned()]) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unreadable = |error: io::Error| bad!("cannot read {}: {error}", folder.display());
    let mut found = BTreeMap::from([(own.number, path.to_owned())]);
    for entry in folder.read_dir().map_err(unreadable)?.flatten() {
        // What cannot be read is not known to be one; if it is, it will be missed.
        let other = entry.path().is_file().then(|| header(&entry.path()).ok().flatten()).flatten();
        if let Some(other) = other.filter(|other| other.bundle == own.bundle && other.count == own.count) {
            found.entry(other.number).or_insert_with(|| entry.path());
        }
    }
    Ok(found.into_values().collect())
}

/// The first line of a volume; `None` if the file is none.
fn header(path: &Path) -> Result<Option<VolumeHeader>> {
    let shown = path.display();
    let unreadable = |error: io::Error| bad!("cannot read {shown}: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut line = [0; HEADER];
    match file.read_exact(&mut line) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    }
    if !line.starts_with(MAGIC) {
        return Ok(None);
    }
    let header = VolumeHeader::parse(&line).map_err(|error| bad!("{shown}: {error}"))?;
    let size = file.metadata().map_err(unreadable)?.len();
    match header.size.checked_add(HEADER as u64) == Some(size) {
        true => Ok(Some(header)),
        false => Err(bad!(
            "{shown} is volume {} of {} and not whole: it should have {} bytes, but has {size}. Copy it again",
            header.number,
            header.count,
            header.size.saturating_add(HEADER as u64)
        )),
    }
}

impl Read for JoinedVolumes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(file) = &mut self.current {
                let count = file.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                self.current = None;
            }
            let Some((path, skipped)) = self.open.pop() else { return Ok(0) };
            let mut file = BufReader::with_capacity(256 << 10, File::open(&path)?);
            io::copy(&mut Read::by_ref(&mut file).take(skipped), &mut io::sink())?;
            self.current = Some(file);
        }
    }
}

/// Where a bundle is written: one file, or volumes. Nothing has its name before all is written.
pub struct VolumeWriter {
    output: PathBuf,
    /// Of one volume, and the sha256 of the manifest.
    cut: Option<(u32, u64, String)>,
    /// Bytes of the whole bundle that are yet to come.
    left: u64,
    number: u32,
    /// Open, and the bytes that it still takes.
    current: Option<(File, u64)>,
    /// Written, under names of their own.
    done: Vec<(PathBuf, PathBuf)>,
    is_finished: bool,
}

impl VolumeWriter {
    /// For a bundle of `total` bytes; `size` is that of a volume.
    ///
    /// # Errors
    /// `Bad` if the volumes are too small.
    pub fn new(output: &Path, total: u64, size: Option<u64>, bundle: &str) -> Result<Self> {
        let cut = size.map(|size| volume::cut(total, size)).transpose()?;
        let cut = cut.map(|(count, each)| (count, each, bundle.to_owned()));
        let output = output.to_owned();
        Ok(Self { output, cut, left: total, number: 0, current: None, done: Vec::new(), is_finished: false })
    }

    /// Syncs all files and gives them their names.
    ///
    /// # Errors
    /// `Bad` if one cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>> {
        let renamed = (|| {
            self.close()?;
            self.done.iter().try_for_each(|(partial, place)| std::fs::rename(partial, place))?;
            let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        })();
        renamed.map_err(|error: io::Error| bad!("cannot write {}: {error}", self.output.display()))?;
        self.is_finished = true;
        Ok(self.done.iter().map(|(_, place)| place.clone()).collect())
    }

    fn close(&mut self) -> io::Result<()> {
        self.current.take().map_or(Ok(()), |(file, _)| file.sync_all())
    }

    /// Opens the next file, and writes its line if it is a volume.
    fn open(&mut self) -> io::Result<()> {
        self.number += 1;
        let mut place = self.output.clone().into_os_string();
        let (mut header, mut takes) = (None, u64::MAX);
        if let Some((count, each, bundle)) = &self.cut {
            place.push(format!(".{:03}", self.number));
            takes = self.left.min(*each);
            let line =
                VolumeHeader { number: self.number, count: *count, bundle: bundle.clone(), size: takes };
            header = Some(line.to_bytes().map_err(|error| io::Error::other(error.to_string()))?);
        }
        let mut partial = place.clone();
        partial.push(format!(".{}.part", std::process::id()));
        let mut file = File::create(&partial)?;
        self.done.push((partial.into(), place.into()));
        header.map_or(Ok(()), |header| file.write_all(&header))?;
        self.current = Some((file, takes));
        Ok(())
    }
}

impl Write for VolumeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.as_ref().is_none_or(|(_, takes)| *takes == 0) {
            self.close()?;
            self.open()?;
        }
        let Some((file, takes)) = &mut self.current else { return Ok(0) };
        let most = usize::try_from(*takes).unwrap_or(usize::MAX).min(bytes.len());
        let count = file.write(bytes.get(..most).unwrap_or_default())?;
        *takes -= count as u64;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for VolumeWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            self.done.iter().for_each(|(partial, _)| drop(std::fs::remove_file(partial)));
        }
    }
}

//! Unpacks a source distribution, as leniently as installers do, but never outside its folder.

#[cfg(test)]
mod tests;

use super::place::Unpacking;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime};

/// What the first bytes of an archive say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Zip,
    Gzip,
    /// Read by a program of the system, if it is there.
    By(&'static str),
    Tar,
}

/// How a run ends if the machine lacks a program that it needs; the last line names it.
pub(in crate::worker) const LACKS_PROGRAM: u8 = 124;
/// How the message begins that the machine lacks a program, which says nothing of the archive.
const LACKING: &str = "this machine has no program ";

/// `unpack ARCHIVE FOLDER`
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let arguments: Vec<_> = arguments.collect();
    let [archive, folder] = arguments.as_slice() else {
        return Err("usage: unpack ARCHIVE FOLDER".to_owned());
    };
    match unpack(Path::new(archive), Path::new(folder)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(text) if text.starts_with(LACKING) => {
            eprintln!("error: {text}");
            Ok(ExitCode::from(LACKS_PROGRAM))
        }
        Err(text) => Err(text),
    }
}

pub(super) fn unpack(archive: &Path, folder: &Path) -> Result<(), String> {
    let mut file = File::open(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(|error| error.to_string())?;
    file.rewind().map_err(|error| error.to_string())?;
    let mut place = Unpacking::new(folder)?;
    match format_of(&start)? {
        Format::Zip => unzip(file, &mut place)?,
        Format::Gzip => untar(flate2::read::MultiGzDecoder::new(file), &mut place)?,
        Format::Tar => untar(file, &mut place)?,
        Format::By(program) => untar_by(program, file, &mut place)?,
    }
    place.finish()
}

/// Unpacks what a program of the system makes of the archive, and reads that to its end: behind the
/// tar's own end there is padding at least, and a program that cannot write it fails.
fn untar_by(program: &str, file: File, place: &mut Unpacking) -> Result<(), String> {
    let started = Command::new(program).arg("-dc").stdin(file).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|_| format!("{LACKING}{program}"))?;
    let mut output = Stream { inner: child.stdout.take().ok_or("no output")?, has_ended: false };
    untar(&mut output, place)?;
    let is_whole = !output.has_ended;
    let rest = std::io::copy(&mut output, &mut std::io::sink());
    rest.map_err(|error| format!("cannot read what {program} gives: {error}"))?;
    let status = child.wait().map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        // As installers do, which stop reading at the end mark.
        false if is_whole => {
            println!("{program} found something wrong behind the end of the tar archive, which is ignored");
            Ok(())
        }
        false => Err(format!("{program} could not read the archive to its end")),
    }
}

/// A reader that knows whether there was nothing left to read. A tar archive that is whole tells its end
/// before.
struct Stream<R> {
    inner: R,
    has_ended: bool,
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.has_ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

fn format_of(start: &[u8]) -> Result<Format, String> {
    let known: [(&[u8], Format); 8] = [
        (b"PK\x03\x04", Format::Zip),
        (b"\x1f\x8b", Format::Gzip),
        (b"BZh", Format::By("bzip2")),
        (b"\xfd7zXZ\0", Format::By("xz")),
        (b"\x28\xb5\x2f\xfd", Format::By("zstd")),
        (b"\x1f\x9d", Format::By("gzip")),
        (b"LZIP\x01", Format::By("lzip")),
        // The old format of `lzma` has no mark: its usual properties, and a dictionary of whole KiB.
        (b"\x5d\0\0", Format::By("xz")),
    ];
    if let Some((_, format)) = known.into_iter().find(|(magic, _)| start.starts_with(magic)) {
        return Ok(format);
    }
    let is_tar = start.get(257..262) == Some(b"ustar") || is_old_tar(start);
    is_tar.then_some(Format::Tar).ok_or_else(|| "unknown kind of archive".to_owned())
}

/// Tar before POSIX had no mark, but a sum over its header.
fn is_old_tar(start: &[u8]) -> bool {
    let Some(field) = start.get(148..156).filter(|_| start.len() == 512) else { return false };
    let digits: String = field.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_digit).collect();
    let sum = start.iter().enumerate().map(|(at, byte)| match (148..156).contains(&at) {
        true => u32::from(b' '),
        false => u32::from(*byte),
    });
    u32::from_str_radix(&digits, 8).is_ok_and(|told| told == sum.sum::<u32>())
}

fn untar(source: impl Read, place: &mut Unpacking) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("the tar archive is broken: {error}");
    let mut archive = tar::Archive::new(source);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        let target = entry.link_name_bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let target = target.unwrap_or_default();
        if kind.is_dir() {
            place.folder(&name)?;
        } else if kind.is_symlink() {
            place.link(&name, &target)?;
        } else if kind.is_hard_link() {
            place.copy(&name, &target)?;
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let executable = entry.header().mode().unwrap_or_default() & 0o111 != 0;
            let seconds = entry.header().mtime().unwrap_or_default();
            let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            place.file(&name, &mut entry, executable, modified)?;
        } else if !kind.is_pax_global_extensions() {
            println!("ignoring {name:?}: not a file, a folder or a link");
        }
    }
    Ok(())
}

fn unzip(file: File, place: &mut Unpacking) -> Result<(), String> {
    let broken = |error: zip::result::ZipError| format!("the zip archive is broken: {error}");
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(broken)?;
        // Archives from Windows tools have backslashes.
        let name = member.name().map_err(broken)?.replace('\\', "/");
        let mode = member.unix_mode().unwrap_or(0o644);
        if member.is_dir() || name.ends_with('/') {
            place.folder(&name)?;
        } else if mode & 0o170_000 == 0o120_000 {
            let mut target = String::new();
            member.by_ref().take(4096).read_to_string(&mut target).map_err(|error| error.to_string())?;
            place.link(&name, &target)?;
        } else {
            place.file(&name, &mut member, mode & 0o111 != 0, None)?;
        }
    }
    Ok(())
}

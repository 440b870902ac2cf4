//! Strict readers of ZIP and tar archives from outside: they read, measure and refuse, and never extract.
//!
//! An archive is accepted only if every reader in the world sees the same members in it. What two
//! programs could read differently (local against central headers, PAX against ustar sizes, a
//! second end record) is refused with the reason, whichever reading would be the harmless one.

pub(crate) mod gzip;
#[cfg(test)]
pub(crate) mod kit;
pub(crate) mod names;
pub mod remote;
pub(crate) mod sniff;
pub(crate) mod tar;
pub(crate) mod zip;

use crate::bad;
use std::io::{self, Read};

use crate::error::Error;

/// Most members one archive may hold.
pub const MAX_MEMBERS: u64 = 100_000;
/// Most bytes of all member names together; bounds the memory a reader needs.
pub const MAX_NAME_BYTES: usize = 16 << 20;
/// Most bytes an archive may unpack to, whatever its ratio.
pub const MAX_UNPACKED: u64 = 16 << 30;
/// Up to this many unpacked bytes the ratio is not looked at.
pub const RATIO_FREE: u64 = 64 << 20;
/// Beyond [`RATIO_FREE`]: most unpacked bytes for each packed byte.
pub const MAX_RATIO: u64 = 50;
/// Most bytes of one METADATA, PKG-INFO, WHEEL or entry_points.txt.
pub const MAX_TEXT: u64 = 16 << 20;

/// Bytes that can be read at any offset: an open file, or a slice in tests.
pub trait ReadAt {
    /// Length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads at `offset`; 0 means the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for std::fs::File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        self.get(start..).unwrap_or_default().read(buffer)
    }
}

/// Why an archive was not read to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The archive is to be refused, and why.
    Refused(String),
    /// Reading it failed: our disk, or (without an OS error) corrupt compressed data.
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    /// The answer: the reason behind `lead` (`ZIP archive not accepted: `), or our own failure.
    pub(crate) fn answer(self, lead: &str) -> Error {
        match self {
            Self::Refused(reason) => bad!("{lead}{reason}"),
            Self::Io(error) if error.raw_os_error().is_some() => error.into(),
            Self::Io(error) => bad!("{lead}truncated or corrupt data ({error})"),
        }
    }
}

pub(crate) type ArchiveResult<T> = std::result::Result<T, Fault>;

/// What the message says before a reason that concerns the distribution, not the archive.
pub(crate) const INVALID: &str = "Invalid distribution file. ";

/// `refuse!("no {name}")` returns early with a [`Fault::Refused`].
macro_rules! refuse {
    ($($text:tt)*) => { return Err($crate::packaging::archive::Fault::Refused(format!($($text)*))) };
}
pub(crate) use refuse;

/// Refuses an archive that unpacks to too much for its size.
pub(crate) fn check_ratio(unpacked: u64, packed: u64) -> ArchiveResult<()> {
    if unpacked > MAX_UNPACKED {
        refuse!("unpacks to more than {} GiB", MAX_UNPACKED >> 30);
    }
    if unpacked > RATIO_FREE && unpacked / MAX_RATIO > packed {
        refuse!("compression ratio exceeds {MAX_RATIO} (a decompression bomb)");
    }
    Ok(())
}

/// A window of a [`ReadAt`] as a reader.
pub(crate) struct Span<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    end: u64,
}

impl<'a, S: ReadAt + ?Sized> Span<'a, S> {
    pub(crate) fn new(source: &'a S, at: u64, length: u64) -> Self {
        Self { source, at, end: at.saturating_add(length) }
    }
}

impl<S: ReadAt + ?Sized> Read for Span<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let Some(window) = buffer.get_mut(..most) else { return Ok(0) };
        let count = self.source.read_at(window, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads exactly `length` bytes at `offset`; a shorter source is refused as truncated.
pub(crate) fn read_exactly<S: ReadAt + ?Sized>(
    source: &S,
    offset: u64,
    length: usize,
) -> ArchiveResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    Span::new(source, offset, length as u64).read_to_end(&mut bytes)?;
    if bytes.len() != length {
        refuse!("truncated: {length} bytes expected at offset {offset}");
    }
    Ok(bytes)
}

/// Fields in little-endian order, taken one after another; past the end it is [`None`].
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

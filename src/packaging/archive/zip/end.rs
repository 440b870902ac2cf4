//! The end of a ZIP file: the end record, and ZIP64's locator and record before it.

use super::super::{ArchiveResult, Fields, ReadAt, read_exactly, refuse};

/// Bytes of an end record without its comment.
const END: u64 = 22;
const LOCATOR: u64 = 20;
const RECORD64: u64 = 56;
/// Where the end record can begin: so many bytes before the file's end.
const MAX_END: u64 = END + 0xFFFF;

/// What the end records tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Offset of the central directory.
    pub(crate) directory: u64,
    /// Its bytes.
    pub(crate) directory_size: u64,
    /// Its entries.
    pub(crate) count: u64,
}

/// Whether the file ends as a ZIP archive does, whatever comes before: readers of
/// self-extracting archives make do with that.
pub(crate) fn exists<S: ReadAt + ?Sized>(source: &S, length: u64) -> ArchiveResult<bool> {
    let start = length.saturating_sub(MAX_END);
    let tail = read_exactly(source, start, usize::try_from(length - start).unwrap_or_default())?;
    Ok(positions(&tail, b"PK\x05\x06").any(|at| ends_there(&tail, at)))
}

/// Finds the one end record, and refuses any ambiguity about it.
pub(crate) fn find<S: ReadAt + ?Sized>(source: &S, length: u64) -> ArchiveResult<End> {
    let start = length.saturating_sub(MAX_END);
    let tail = read_exactly(source, start, usize::try_from(length - start).unwrap_or_default())?;
    let mut found = positions(&tail, b"PK\x05\x06").filter(|at| ends_there(&tail, *at));
    let Some(at) = found.next() else {
        refuse!("no end record at the end of the file (not a ZIP archive, truncated, or bytes after it)");
    };
    if found.next().is_some() {
        refuse!("more than one end record");
    }
    let comment = tail.get(at + END as usize..).unwrap_or_default();
    for kind in [*b"\x01\x02", *b"\x03\x04", *b"\x05\x06", *b"\x06\x06", *b"\x06\x07", *b"\x07\x08"] {
        let [a, b] = kind;
        if positions(comment, &[b'P', b'K', a, b]).next().is_some() {
            refuse!("the archive's comment contains a ZIP signature");
        }
    }
    let position = start + at as u64;
    let record = Record::parse(tail.get(at + 4..).unwrap_or_default());
    let Some(record) = record else { refuse!("truncated end record") };
    match locator(source, position)? {
        Some(offset) => record.with_zip64(source, offset, position),
        None => record.plain(position),
    }
}

fn positions<'a>(bytes: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(what.len()).enumerate().filter(move |(_, window)| *window == what).map(|(at, _)| at)
}

/// Whether an end record at `at` has a comment that ends with the file.
fn ends_there(tail: &[u8], at: usize) -> bool {
    let comment = tail.get(at + 20..at + 22).and_then(|l| <[u8; 2]>::try_from(l).ok());
    comment.is_some_and(|l| at + END as usize + usize::from(u16::from_le_bytes(l)) == tail.len())
}

/// An end record's fields as written.
struct Record {
    disks: [u16; 2],
    count_here: u16,
    count: u16,
    size: u32,
    offset: u32,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self {
            disks: [fields.u16()?, fields.u16()?],
            count_here: fields.u16()?,
            count: fields.u16()?,
            size: fields.u32()?,
            offset: fields.u32()?,
        })
    }

    fn plain(&self, position: u64) -> ArchiveResult<End> {
        if self.disks != [0, 0] || self.count_here != self.count {
            refuse!("the archive spans several disks");
        }
        if self.count == u16::MAX || self.size == u32::MAX || self.offset == u32::MAX {
            refuse!("the end record points to ZIP64 records that do not exist");
        }
        End { directory: self.offset.into(), directory_size: self.size.into(), count: self.count.into() }
            .checked(position)
    }

    fn with_zip64<S: ReadAt + ?Sized>(&self, source: &S, at: u64, end: u64) -> ArchiveResult<End> {
        if at.checked_add(RECORD64 + LOCATOR) != Some(end) {
            refuse!("the ZIP64 locator does not point to the record before it");
        }
        let bytes = read_exactly(source, at, RECORD64 as usize)?;
        let Some(record) = Record64::parse(&bytes) else { refuse!("no ZIP64 end record") };
        if record.size != RECORD64 - 12 {
            refuse!("the ZIP64 end record has extensible data");
        }
        let disks_agree = self.disks.iter().all(|disk| matches!(disk, 0 | 0xFFFF));
        if record.disks != [0, 0] || record.count_here != record.count || !disks_agree {
            refuse!("the archive spans several disks");
        }
        let agree16 = |short: u16, long: u64| short == u16::MAX || u64::from(short) == long;
        let agree32 = |short: u32, long: u64| short == u32::MAX || u64::from(short) == long;
        if !agree16(self.count_here, record.count)
            || !agree16(self.count, record.count)
            || !agree32(self.size, record.directory_size)
            || !agree32(self.offset, record.directory)
        {
            refuse!("the end record and the ZIP64 end record disagree");
        }
        End { directory: record.directory, directory_size: record.directory_size, count: record.count }
            .checked(at)
    }
}

struct Record64 {
    size: u64,
    disks: [u32; 2],
    count_here: u64,
    count: u64,
    directory_size: u64,
    directory: u64,
}

impl Record64 {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.strip_prefix(b"PK\x06\x06")?);
        let size = fields.u64()?;
        // Versions made by and needed: of no consequence.
        fields.bytes(4)?;
        Some(Self {
            size,
            disks: [fields.u32()?, fields.u32()?],
            count_here: fields.u64()?,
            count: fields.u64()?,
            directory_size: fields.u64()?,
            directory: fields.u64()?,
        })
    }
}

/// The ZIP64 locator right before the end record: the offset of the ZIP64 end record.
fn locator<S: ReadAt + ?Sized>(source: &S, end: u64) -> ArchiveResult<Option<u64>> {
    let Some(at) = end.checked_sub(LOCATOR) else { return Ok(None) };
    let bytes = read_exactly(source, at, LOCATOR as usize)?;
    let Some(rest) = bytes.strip_prefix(b"PK\x06\x07") else { return Ok(None) };
    let mut fields = Fields(rest);
    match (fields.u32(), fields.u64(), fields.u32()) {
        (Some(0), Some(offset), Some(1)) => Ok(Some(offset)),
        _ => refuse!("the ZIP64 locator names several disks"),
    }
}

impl End {
    /// The central directory must end where the end records begin.
    fn checked(self, position: u64) -> ArchiveResult<Self> {
        match self.directory.checked_add(self.directory_size) {
            Some(end) if end == position => Ok(self),
            _ => refuse!("the central directory does not end at the end record (bytes before or between)"),
        }
    }
}

//! Reads one member of a wheel that is elsewhere, asking for as few byte ranges as possible.
//!
//! No I/O happens here: [`RemoteRead::start`] says which bytes are needed first, the caller fetches them
//! and gives them to [`RemoteRead::feed`], which says what is needed next or hands out the member.
//! Lenient where installers are lenient: what an upstream serves, it serves.

use std::io::Read;
use std::ops::Range;

use super::zip::{Central, LEAD, find_end};
use super::{ArchiveResult, MAX_MEMBERS, MAX_TEXT, ReadAt, refuse};
use crate::error::Result;

/// First bytes asked for, from the end: most wheels keep `.dist-info` and directory in them.
const TAIL: u64 = 32 << 10;
/// Most bytes of a central directory that is fetched.
const MAX_DIRECTORY: u64 = 32 << 20;
const LOCAL_FIXED: u64 = 30;

/// What a [`Plan`] wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Fetch exactly these bytes and feed them.
    Need(Range<u64>),
    /// The METADATA file.
    Done(Vec<u8>),
}

/// The state between range requests.
#[derive(Debug)]
pub struct RemoteRead {
    /// Bytes of the whole file.
    length: u64,
    asked: Range<u64>,
    /// What is known of the file's end, from that offset on.
    tail: Vec<u8>,
    member: Option<Central>,
}

impl RemoteRead {
    /// Begins to read a wheel of `length` bytes.
    pub fn start(length: u64) -> (Self, Step) {
        let asked = length.saturating_sub(TAIL)..length;
        let plan = Self { length, asked: asked.clone(), tail: Vec::new(), member: None };
        (plan, Step::Need(asked))
    }

    /// Takes the bytes last asked for.
    ///
    /// # Errors
    /// `Bad` if these are not the bytes of a readable wheel. At most four steps are taken.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step> {
        self.advance(bytes).map_err(|fault| fault.answer(LEAD))
    }

    /// [`RemoteRead::feed`] for readers of archives.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> ArchiveResult<Step> {
        if bytes.len() as u64 != self.asked.end - self.asked.start {
            refuse!("the server sent {} bytes for the range {:?}", bytes.len(), self.asked);
        }
        if let Some(member) = &self.member {
            return unpack(member, bytes).map(Step::Done);
        }
        // Each request before the member's own ends where the known tail begins.
        self.tail.splice(0..0, bytes.iter().copied());
        let file = Tail { start: self.asked.start, length: self.length, bytes: &self.tail };
        let end = find_end(&file, self.length)?;
        if end.directory_size > MAX_DIRECTORY || end.count > MAX_MEMBERS {
            refuse!("the central directory is too large");
        }
        if end.directory < file.start {
            return Ok(self.ask(end.directory..self.asked.start));
        }
        let Some(directory) = file.window(end.directory, end.directory_size) else {
            refuse!("the central directory is outside the file")
        };
        let (member, span) = find_member(directory, end.count, end.directory)?;
        if let Some(bytes) = file.window(span.start, span.end - span.start) {
            return unpack(&member, bytes).map(Step::Done);
        }
        self.member = Some(member);
        Ok(self.ask(span))
    }

    fn ask(&mut self, range: Range<u64>) -> Step {
        self.asked = range.clone();
        Step::Need(range)
    }
}

/// The known end of a file, at its true offsets.
struct Tail<'a> {
    start: u64,
    length: u64,
    bytes: &'a [u8],
}

impl<'a> Tail<'a> {
    fn window(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(from..to)
    }
}

impl ReadAt for Tail<'_> {
    fn length(&self) -> std::io::Result<u64> {
        Ok(self.length)
    }

    /// What is not known reads as zeros: no record begins with one.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let Some(known) = offset.checked_sub(self.start) else {
            let unknown = usize::try_from(self.start - offset).unwrap_or(usize::MAX);
            let count = unknown.min(buffer.len());
            buffer.get_mut(..count).unwrap_or_default().fill(0);
            return Ok(count);
        };
        self.bytes.read_at(buffer, known)
    }
}

/// The METADATA member and the span from its local header to the next one.
fn find_member(mut directory: &[u8], count: u64, end: u64) -> ArchiveResult<(Central, Range<u64>)> {
    let mut found = None;
    let mut headers = Vec::new();
    for _ in 0..count {
        let central = Central::read(&mut directory)?;
        headers.push(central.header);
        if is_metadata(&central.name) && found.replace(central).is_some() {
            refuse!("more than one .dist-info/METADATA");
        }
    }
    let Some(member) = found else { refuse!("no .dist-info/METADATA") };
    let next = headers.into_iter().filter(|header| *header > member.header).min();
    let span = member.header..next.unwrap_or(end).min(end);
    if member.size > MAX_TEXT || span.end.saturating_sub(span.start) > 2 * MAX_TEXT {
        refuse!("METADATA is larger than {} MiB", MAX_TEXT >> 20);
    }
    if span.is_empty() {
        refuse!("METADATA is outside the file");
    }
    Ok((member, span))
}

/// `{anything}.dist-info/METADATA` at the top of the archive.
pub(crate) fn is_metadata(name: &[u8]) -> bool {
    name.strip_suffix(b".dist-info/METADATA").is_some_and(|stem| !stem.is_empty() && !stem.contains(&b'/'))
}

/// Unpacks the member from the bytes that begin with its local header.
fn unpack(member: &Central, bytes: &[u8]) -> ArchiveResult<Vec<u8>> {
    let lengths = bytes.get(26..30).filter(|_| bytes.starts_with(b"PK\x03\x04"));
    let Some(&[n0, n1, e0, e1]) = lengths else { refuse!("no local header for METADATA") };
    let name = u64::from(u16::from_le_bytes([n0, n1]));
    let extra = u64::from(u16::from_le_bytes([e0, e1]));
    let whole = Tail { start: 0, length: bytes.len() as u64, bytes };
    let Some(packed) = whole.window(LOCAL_FIXED + name + extra, member.packed) else {
        refuse!("METADATA reaches into the next member")
    };
    let mut unpacked = Vec::new();
    match member.method {
        0 => unpacked.extend_from_slice(packed),
        8 => {
            let decoder = flate2::bufread::DeflateDecoder::new(packed);
            decoder.take(MAX_TEXT + 1).read_to_end(&mut unpacked)?;
        }
        other => refuse!("unknown compression method {other} of METADATA"),
    }
    let mut crc = flate2::Crc::new();
    crc.update(&unpacked);
    if unpacked.len() as u64 != member.size || crc.sum() != member.crc || member.flags & 1 != 0 {
        refuse!("METADATA does not match its header");
    }
    Ok(unpacked)
}
